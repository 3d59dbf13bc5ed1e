{{/* Ray's nodes: the head, two groups of workers, and the node beside the controller. */}}

{{/* Variables of every node. Ray's own values take 66 s to give up a frozen node, these 10 s. */}}
{{- define "beholden.ray.env" -}}
- {name: RAY_health_check_initial_delay_ms, value: "1000"}
- {name: RAY_health_check_period_ms, value: "1000"}
- {name: RAY_health_check_timeout_ms, value: "2000"}
- {name: RAY_health_check_failure_threshold, value: {{ .Values.ray.healthCheckFailures | int | quote }}}
- {name: RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S, value: {{ .Values.ray.drainSeconds | int | quote }}}
- {name: RAY_AUTH_MODE, value: token} # without a token Ray does not start: no KubeRay may forget it in silence
- {name: RAY_USAGE_STATS_ENABLED, value: "0"}
- {name: RAY_LOG_TO_STDERR, value: "1"} # else logs of actors lie in the pod's memory alone
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

{{/* A group of workers: (dict "root" $ "name" NAME "of" .Values.index "cpus" 0 "resource" NAME "each" 1 "least" 1 "most" 2
"gpus" 0 "keys" (list)). */}}
{{- define "beholden.ray.group" -}}
{{- $root := .root -}}
{{- $user := dict "root" $root "user" "cluster" -}}
groupName: {{ .name }}
replicas: {{ include "beholden.ray.replicas" . }}
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

{{/* How many pods a group has: as many as the autoscaler has given it, or an upgrade would take some away. */}}
{{- define "beholden.ray.replicas" -}}
{{- $replicas := .least -}}
{{- $there := lookup "ray.io/v1" "RayCluster" .root.Release.Namespace (include "beholden.fullname" .root) -}}
{{- range dig "spec" "workerGroupSpecs" list $there -}}
{{- if eq .groupName $.name }}{{ $replicas = .replicas | default 0 | int | max $.least | min $.most }}{{ end -}}
{{- end -}}
{{ $replicas }}
{{- end }}

{{/* Resources of a group's container, GPUs included. */}}
{{- define "beholden.ray.groupResources" -}}
{{- $limits := .of.resources.limits | default dict | deepCopy }}
{{- if .gpus }}{{ $_ := set $limits .root.Values.gpu.resourceName (.gpus | int) }}{{ end -}}
requests: {{ .of.resources.requests | default dict | toJson }}
limits: {{ $limits | toJson }}
{{- end }}

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
      --disable-usage-stats
  env:
    {{- include "beholden.ray.env" .root | nindent 4 }}
    {{- if .root.Values.ray.gcs.redisAddress }}
    - {name: RAY_gcs_rpc_server_reconnect_timeout_s, value: "600"} # as KubeRay gives its workers
    {{- end }}
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
    {{- include "beholden.pod" (dict "root" . "account" "head" "of" .Values.head) | nindent 4 }}
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
        emptyDir: {medium: Memory, sizeLimit: 512Mi}
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
