{{/* The controller's pod, and others that speak to Ray. */}}

{{/* The node beside a container that speaks to Ray: it starts before it and ends after it. (dict "root" $ "resources" "{}"
"env" LINES "mounts" LINES) */}}
{{- define "beholden.ray.sidecar" -}}
- name: ray
  restartPolicy: Always
  {{- include "beholden.container" (dict "root" .root "resources" .root.Values.controller.ray.resources) | nindent 2 }}
  command: [/bin/bash, -c]
  args:
    - >-
      ulimit -c 0; exec ray start --block --address={{ include "beholden.headAddress" .root }} --num-cpus=0 --num-gpus=0
      --resources='{{ .resources }}' --node-manager-port=6380 --object-manager-port=6381 --object-store-memory=100000000
      --disable-usage-stats --include-log-monitor=false
  env:
    {{- include "beholden.ray.env" .root | nindent 4 }}
    {{- .env | nindent 4 }}
  {{- include "beholden.ray.probes" (dict "port" 6380 "patience" 120) | nindent 2 }}
  volumeMounts:
    {{- .mounts | nindent 4 }}
{{- end }}

{{/* What both containers of the controller see. */}}
{{- define "beholden.controllerMounts" -}}
{{ include "beholden.ray.mounts" . }}
{{ include "beholden.settingsMounts" . }}
{{ include "beholden.keyMounts" . }}
{{- include "beholden.kafka.mounts" . }}
{{- include "beholden.modelMounts" . }}
{{- if .Values.ledger.anchor.existingClaim }}
- {name: anchor, mountPath: /var/lib/beholden-anchor}
{{- end }}
{{- end }}

{{- define "beholden.controllerEnv" -}}
{{ include "beholden.ray.tokenEnv" . }}
{{- if .Values.ray.gcs.redisAddress }}
- {name: RAY_gcs_rpc_server_reconnect_timeout_s, value: "600"} # as KubeRay gives its workers
{{- end }}
{{- include "beholden.kafka.env" (dict "root" . "user" "cluster") }}
{{- end }}

{{- define "beholden.controllerVolumes" -}}
{{ include "beholden.ray.volumes" . }}
{{ include "beholden.settingsVolumes" (dict "root" . "user" "cluster") }}
{{ include "beholden.keyVolumes" (dict "root" . "files" (list "evidence.key" "checkpoints.key")) }}
{{- include "beholden.kafka.volumes" (dict "root" . "user" "cluster") }}
{{- include "beholden.modelVolumes" . }}
{{- with .Values.ledger.anchor.existingClaim }}
- name: anchor
  persistentVolumeClaim: {claimName: {{ . }}}
{{- end }}
{{- end }}
