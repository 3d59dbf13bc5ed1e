{{/* A pod that runs one command and needs Kafka alone: (dict "root" $ "name" NAME "user" "retention" "command" (list) "volumes"
(list) "mounts" (list) "before" (list)); `before` is a command that prepares /tmp. */}}
{{- define "beholden.jobPod" -}}
{{- $root := .root -}}
metadata:
  labels:
    {{- include "beholden.podLabels" (dict "root" $root "component" .name "kafka" true) | nindent 4 }}
spec:
  {{- include "beholden.pod" (dict "root" $root "account" "job" "of" $root.Values.jobs) | nindent 2 }}
  restartPolicy: Never
  {{- with .before }}
  initContainers:
    - name: prepare
      {{- include "beholden.container" (dict "root" $root "resources" $root.Values.jobs.resources) | nindent 6 }}
      command: {{ prepend . "beholden" | toJson }}
      volumeMounts:
        {{- include "beholden.scratchMounts" $root | nindent 8 }}
  {{- end }}
  containers:
    - name: beholden
      {{- include "beholden.container" (dict "root" $root "resources" $root.Values.jobs.resources) | nindent 6 }}
      command: {{ prepend .command "beholden" | toJson }}
      {{- with include "beholden.kafka.env" . | trim }}
      env:
        {{- . | nindent 8 }}
      {{- end }}
      volumeMounts:
        {{- include "beholden.scratchMounts" $root | nindent 8 }}
        {{- print (include "beholden.settingsMounts" $root) (include "beholden.kafka.mounts" $root) (include "beholden.modelMounts" $root) | nindent 8 }}
        {{- range .mounts }}
        - {{ toJson . }}
        {{- end }}
  volumes:
    {{- include "beholden.scratchVolumes" $root | nindent 4 }}
    {{- print (include "beholden.settingsVolumes" .) (include "beholden.kafka.volumes" .) (include "beholden.modelVolumes" $root) | nindent 4 }}
    {{- range .volumes }}
    - {{ toJson . }}
    {{- end }}
{{- end }}
