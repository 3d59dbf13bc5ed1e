{{/* What all pods have in common: the restricted profile, memory for what is written, no token. */}}

{{/* Of every pod: (dict "root" $ "account" NAME "of" .Values.head). */}}
{{- define "beholden.pod" -}}
automountServiceAccountToken: false
{{- with .account }}
serviceAccountName: {{ include "beholden.fullname" $.root }}-{{ . }}
{{- end }}
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with .of.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .of.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .of.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .of.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .of.runtimeClassName }}
runtimeClassName: {{ . }}
{{- end }}
{{- end }}

{{/* Of every container: (dict "root" $ "resources" {}). */}}
{{- define "beholden.container" -}}
image: {{ include "beholden.image" .root }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
{{ include "beholden.containerSecurity" . }}
resources:
  {{- toYaml .resources | nindent 2 }}
{{- end }}

{{- define "beholden.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end }}

{{/* The one place where anything can be written: memory, gone with the pod, and counted to the memory of who writes. */}}
{{- define "beholden.scratchVolumes" -}}
- name: scratch
  emptyDir: {medium: Memory, sizeLimit: 256Mi}
{{- end }}

{{- define "beholden.scratchMounts" -}}
- {name: scratch, mountPath: /tmp, subPath: tmp}
- {name: scratch, mountPath: /home/beholden, subPath: home}
- {name: scratch, mountPath: /var/lib/beholden, subPath: state}
- {name: scratch, mountPath: /var/cache/beholden, subPath: cache}
{{- end }}

{{/* A claim with models, when there is one. */}}
{{- define "beholden.modelVolumes" -}}
{{- with .Values.models.existingClaim }}
- name: models
  persistentVolumeClaim: {claimName: {{ . }}, readOnly: true}
{{- end }}
{{- end }}

{{- define "beholden.modelMounts" -}}
{{- if .Values.models.existingClaim }}
- {name: models, mountPath: /models, readOnly: true}
{{- end }}
{{- end }}

{{/* Keys of the deployment, and no others: (dict "root" $ "files" (list "evidence.key")). */}}
{{- define "beholden.keyVolumes" -}}
- name: keys
  secret:
    secretName: {{ .root.Values.keys.existingSecret }}
    defaultMode: 0440
    items:
      {{- range .files }}
      - {key: {{ . }}, path: {{ . }}}
      {{- end }}
{{- end }}

{{- define "beholden.keyMounts" -}}
- {name: keys, mountPath: /etc/beholden/keys, readOnly: true}
{{- end }}

{{/* The cluster file and the policy: (dict "root" $ "user" "cluster"). */}}
{{- define "beholden.settingsVolumes" -}}
- name: settings
  configMap:
    name: {{ include "beholden.fullname" .root }}-settings
    items:
      - {key: {{ include "beholden.clusterFileOf" . }}, path: clusters/{{ include "beholden.cluster" .root }}.yaml}
      - {key: {{ include "beholden.policyFile" .root }}, path: policies/{{ include "beholden.policyFile" .root }}}
{{- end }}

{{- define "beholden.settingsMounts" -}}
- {name: settings, mountPath: /etc/beholden/clusters, subPath: clusters, readOnly: true}
- {name: settings, mountPath: /etc/beholden/policies, subPath: policies, readOnly: true}
{{- end }}

{{- define "beholden.clusterPath" -}}
/etc/beholden/clusters/{{ include "beholden.cluster" . }}.yaml
{{- end }}
