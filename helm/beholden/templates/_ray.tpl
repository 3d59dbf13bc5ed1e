{{/* What all nodes of Ray have in common. */}}

{{/* Variables of every node. Ray's own values take 66 s to give up a frozen node, these 10 s. */}}
{{- define "beholden.ray.env" -}}
- {name: RAY_health_check_initial_delay_ms, value: "1000"}
- {name: RAY_health_check_period_ms, value: "1000"}
- {name: RAY_health_check_timeout_ms, value: "2000"}
- {name: RAY_health_check_failure_threshold, value: {{ .Values.ray.healthCheckFailures | int | quote }}}
- {name: RAY_timeout_ms_task_wait_for_death_info, value: "100"} # who asks a process that has ended hears so at once
- {name: RAY_core_worker_internal_heartbeat_ms, value: "100"}
- {name: RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S, value: {{ .Values.ray.drainSeconds | int | quote }}}
- {name: RAY_AUTH_MODE, value: token} # without a token Ray does not start: no KubeRay may forget it in silence
- {name: RAY_USAGE_STATS_ENABLED, value: "0"}
- {name: MALLOC_ARENA_MAX, value: "1"} # with a heap for each thread whoever asks others grows with each call
- {name: RAY_LOG_TO_STDERR, value: "1"} # else logs of actors lie in the pod's memory alone
- {name: RAY_ROTATION_MAX_BYTES, value: "10000000"} # what lies there nevertheless
- {name: RAY_ROTATION_BACKUP_COUNT, value: "1"}
{{- end }}

{{/* Token of a Ray node or driver that KubeRay does not make. */}}
{{- define "beholden.ray.tokenEnv" -}}
- name: RAY_AUTH_TOKEN
  valueFrom:
    secretKeyRef: {name: {{ .Values.ray.auth.existingSecret | default (include "beholden.fullname" .) }}, key: auth_token}
{{- end }}

{{/* Parameters of `ray start` on every node. Nothing of the data path goes through the object store. */}}
{{- define "beholden.ray.startParams" -}}
node-manager-port: "6380"
object-manager-port: "6381"
object-store-memory: "100000000"
disable-usage-stats: "true"
include-log-monitor: "false"
{{- end }}

{{- define "beholden.ray.volumes" -}}
{{ include "beholden.scratchVolumes" . }}
- name: shared-memory
  emptyDir: {medium: Memory, sizeLimit: 256Mi}
{{- end }}

{{- define "beholden.ray.mounts" -}}
{{ include "beholden.scratchMounts" . }}
- {name: shared-memory, mountPath: /dev/shm}
{{- end }}

{{/* KubeRay makes the command; here it becomes the container's first process, which is told when the pod ends, without
core dumps, in which pixels would be. */}}
{{- define "beholden.ray.command" -}}
command: [/bin/bash, -c]
args: ['ulimit -c 0; ulimit -n 65536; eval "exec $KUBERAY_GEN_RAY_START_CMD"']
{{- end }}

{{/* gRPC's own question for health: (dict "port" 6379 "patience" 60), patience in steps of 5 s. Ray answers it without a token,
and without a dashboard. */}}
{{- define "beholden.ray.probes" -}}
startupProbe:
  grpc: {port: {{ .port }}}
  periodSeconds: 5
  failureThreshold: {{ .patience }}
readinessProbe:
  grpc: {port: {{ .port }}}
  periodSeconds: 5
livenessProbe:
  grpc: {port: {{ .port }}}
  periodSeconds: 5
  timeoutSeconds: 5
  failureThreshold: 6
{{- end }}
