{{/* What KubeRay makes pods of: the head, and groups of workers. */}}

{{/* A group of workers: (dict "root" $ "name" NAME "of" .Values.index "cpus" 0 "resource" NAME "each" 1 "least" 1 "most" 2
"gpus" 0 "keys" (list)). */}}
{{- define "beholden.ray.group" -}}
{{- $root := .root -}}
{{- $user := dict "root" $root "user" "cluster" -}}
groupName: {{ .name }}
replicas: {{ .least }}
minReplicas: {{ .least }}
maxReplicas: {{ .most }}
rayStartParams:
  {{- include "beholden.ray.startParams" $root | nindent 2 }}
  num-cpus: {{ .cpus | quote }}
  num-gpus: {{ .gpus | quote }}
  resources: {{ printf "'{\"%s\": %d}'" .resource (int .each) | quote }}
template:
  metadata:
    labels:
      {{- include "beholden.podLabels" (dict "root" $root "component" .name "ray" true "kafka" true "labels" .of.podLabels) | nindent 6 }}
    {{- with .of.podAnnotations }}
    annotations:
      {{- toYaml . | nindent 6 }}
    {{- end }}
  spec:
    {{- include "beholden.pod" (dict "root" $root "account" "worker" "of" .of) | nindent 4 }}
    topologySpreadConstraints:
      {{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
      - maxSkew: 1
        topologyKey: {{ . }}
        whenUnsatisfiable: ScheduleAnyway
        labelSelector:
          matchLabels:
            {{- include "beholden.selector" $root | nindent 12 }}
            app.kubernetes.io/component: {{ $.name }}
      {{- end }}
    terminationGracePeriodSeconds: {{ add $root.Values.ray.drainSeconds 30 }}
    containers:
      - name: ray-worker
        {{- include "beholden.container" (dict "root" $root "resources" (include "beholden.ray.groupResources" . | fromYaml)) | nindent 8 }}
        {{- include "beholden.ray.command" . | nindent 8 }}
        env:
          {{- print (include "beholden.ray.env" $root) (include "beholden.kafka.env" $user) | nindent 10 }}
        {{- include "beholden.ray.probes" (dict "port" 6380 "patience" 60) | nindent 8 }}
        volumeMounts:
          {{- print (include "beholden.ray.mounts" $root) (include "beholden.kafka.mounts" $root) (include "beholden.modelMounts" $root) | nindent 10 }}
          {{- if .keys }}
          {{- include "beholden.keyMounts" $root | nindent 10 }}
          {{- end }}
    volumes:
      {{- print (include "beholden.ray.volumes" $root) (include "beholden.kafka.volumes" $user) (include "beholden.modelVolumes" $root) | nindent 6 }}
      {{- if .keys }}
      {{- include "beholden.keyVolumes" (dict "root" $root "files" .keys) | nindent 6 }}
      {{- end }}
{{- end }}

{{/* Resources of a group's container, GPUs included. */}}
{{- define "beholden.ray.groupResources" -}}
{{- $limits := .of.resources.limits | default dict | deepCopy }}
{{- if .gpus }}{{ $_ := set $limits .root.Values.gpu.resourceName (.gpus | int) }}{{ end -}}
requests: {{ .of.resources.requests | default dict | toJson }}
limits: {{ $limits | toJson }}
{{- end }}

{{/* The autoscaler stands beside Ray's head and alone is given a token of the Kubernetes API. */}}
{{- define "beholden.ray.autoscaling" -}}
enableInTreeAutoscaling: {{ .Values.ray.autoscaler.enabled }}
{{- if .Values.ray.autoscaler.enabled }}
autoscalerOptions:
  version: v2
  idleTimeoutSeconds: {{ .Values.ray.autoscaler.idleTimeoutSeconds | int }}
  resources:
    {{- toYaml .Values.ray.autoscaler.resources | nindent 4 }}
  env:
    - {name: RAY_USAGE_STATS_ENABLED, value: "0"}
    - {name: RAY_ROTATION_MAX_BYTES, value: "10000000"}
    - {name: RAY_ROTATION_BACKUP_COUNT, value: "1"}
  {{- include "beholden.containerSecurity" . | nindent 2 }}
  volumeMounts:
    {{- include "beholden.scratchMounts" . | nindent 4 }}
    - {name: ray-logs, mountPath: /tmp/ray}
    - {name: api-token, mountPath: /var/run/secrets/kubernetes.io/serviceaccount, readOnly: true}
{{- end }}
{{- end }}

{{- define "beholden.ray.head" -}}
rayStartParams:
  {{- include "beholden.ray.startParams" . | nindent 2 }}
  num-cpus: "0"
  num-gpus: "0"
  include-dashboard: "false"
template:
  metadata:
    labels:
      {{- include "beholden.podLabels" (dict "root" . "component" "head" "ray" true "labels" .Values.head.podLabels) | nindent 6 }}
    {{- with .Values.head.podAnnotations }}
    annotations:
      {{- toYaml . | nindent 6 }}
    {{- end }}
  spec:
    # KubeRay makes its service account, which goes after the RayCluster: the job that clears Redis at the end needs it.
    {{- include "beholden.pod" (dict "root" . "of" .Values.head) | nindent 4 }}
    terminationGracePeriodSeconds: {{ add .Values.ray.drainSeconds 30 }}
    containers:
      - name: ray-head
        {{- include "beholden.container" (dict "root" . "resources" .Values.head.resources) | nindent 8 }}
        {{- include "beholden.ray.command" . | nindent 8 }}
        env:
          {{- include "beholden.ray.env" . | nindent 10 }}
        ports:
          - {name: gcs-server, containerPort: 6379} # all that the head's Service is to have
        {{- include "beholden.ray.probes" (dict "port" 6379 "patience" 60) | nindent 8 }}
        volumeMounts:
          {{- include "beholden.ray.mounts" . | nindent 10 }}
          - {name: ray-logs, mountPath: /tmp/ray}
    volumes:
      {{- include "beholden.ray.volumes" . | nindent 6 }}
      - name: ray-logs # KubeRay would put it on a disk
        emptyDir: {medium: Memory, sizeLimit: 256Mi}
      {{- if .Values.ray.autoscaler.enabled }}
      - name: api-token
        projected:
          defaultMode: 0440
          sources:
            - serviceAccountToken: {path: token, expirationSeconds: 3607}
            - configMap: {name: kube-root-ca.crt, items: [{key: ca.crt, path: ca.crt}]}
            - downwardAPI: {items: [{path: namespace, fieldRef: {fieldPath: metadata.namespace}}]}
      {{- end }}
{{- end }}
