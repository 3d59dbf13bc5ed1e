{{/* Names and labels. Pods of Ray carry no version: a new chart alone must not replace them. */}}

{{- define "beholden.fullname" -}}
{{- $own := contains .Chart.Name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name .Chart.Name) }}
{{- .Values.fullnameOverride | default $own | replace "." "-" | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- define "beholden.cluster" -}}
{{ .Values.clusterName | default (include "beholden.fullname" .) }}
{{- end }}

{{- define "beholden.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "beholden.labels" -}}
{{ include "beholden.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version | replace "+" "_" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Metadata of an object: (dict "root" $ "name" NAME "labels" {} "annotations" {} "namespace" ""). */}}
{{- define "beholden.metadata" -}}
name: {{ .name }}
namespace: {{ .namespace | default .root.Release.Namespace }}
labels:
  {{- include "beholden.labels" .root | nindent 2 }}
  {{- with .labels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with merge (dict) (.annotations | default dict) .root.Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Labels of a pod: (dict "root" $ "component" NAME "ray" true "kafka" true "labels" {}). */}}
{{- define "beholden.podLabels" -}}
{{ include "beholden.selector" .root }}
app.kubernetes.io/component: {{ .component }}
{{- if .ray }}
beholden/ray: member
{{- end }}
{{- if .kafka }}
beholden/kafka: client
{{- end }}
{{- with .labels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "beholden.image" -}}
{{- $tag := .Values.image.tag | default (printf "%s-%s" .Chart.AppVersion (eq .Values.device "cuda" | ternary "gpu" "cpu")) -}}
{{ .Values.image.repository }}{{ with .Values.image.digest }}@{{ . }}{{ else }}:{{ $tag }}{{ end }}
{{- end }}

{{- define "beholden.headAddress" -}}
{{ include "beholden.fullname" . }}-head-svc.{{ .Release.Namespace }}.svc:6379
{{- end }}

{{/* The port of an address: as said, else that of its scheme. */}}
{{- define "beholden.portOf" -}}
{{- $said := regexFind ":[0-9]+(/|$)" . | regexFind "[0-9]+" -}}
{{ $said | default (hasPrefix "https:" . | ternary "443" "80") }}
{{- end }}
