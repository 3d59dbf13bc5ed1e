{{/* The cluster file: (dict "root" $ "user" "cluster"). Kafka is all in which users differ. */}}
{{- define "beholden.clusterFile" -}}
cluster: {{ include "beholden.cluster" .root }}
policy: ../policies/{{ include "beholden.policyFile" .root }}
models: {manifests: {{ $.root.Values.models.manifests }}, files: {{ $.root.Values.models.files }}}
kafka:
  bootstrap: {{ include "beholden.kafka.bootstrap" .root }}
  topic_prefix: {{ $.root.Values.kafka.topicPrefix | quote }}
  frame_partitions: {{ $.root.Values.kafka.framePartitions | int }}
  watchlist_partitions: {{ $.root.Values.kafka.watchlistPartitions | int }}
  replication: {{ $.root.Values.kafka.replication | int }}
  max_message_bytes: {{ $.root.Values.kafka.maxMessageBytes | int }}
  security:
    protocol: {{ $.root.Values.kafka.protocol }}
    {{- if ne $.root.Values.kafka.protocol "PLAINTEXT" }}
    cafile: /etc/beholden/kafka/ca.crt
    {{- end }}
    {{- if eq $.root.Values.kafka.protocol "SSL" }}
    certfile: /etc/beholden/kafka/user.crt
    keyfile: /etc/beholden/kafka/user.key
    {{- end }}
    {{- if eq $.root.Values.kafka.protocol "SASL_SSL" }}
    mechanism: {{ $.root.Values.kafka.mechanism }}
    username: {{ include "beholden.kafka.user" . }}
    {{- end }}
ray: {{ include "beholden.headAddress" .root }}
device: {{ $.root.Values.device }}
recognisers:
  count: {{ $.root.Values.recognisers.count | int }}
  {{- if $.root.Values.recognisers.most }}
  most: {{ $.root.Values.recognisers.most | int }}
  {{- end }}
  standby: {{ $.root.Values.recognisers.standby | int }}
  more_after_s: {{ $.root.Values.recognisers.moreAfterSeconds }}
  fewer_after_s: {{ $.root.Values.recognisers.fewerAfterSeconds }}
  threads: {{ $.root.Values.recognisers.threads | int }}
  poll_frames: {{ $.root.Values.recognisers.pollFrames | int }}
  detect_batch: {{ $.root.Values.recognisers.detectBatch | int }}
  decode_threads: {{ $.root.Values.recognisers.decodeThreads | int }}
  gpu_share: {{ include "beholden.gpuShare" .root }}
  resources: {recogniser: 1}
delivery: {{ $.root.Values.delivery }}
index:
  placement: {{ $.root.Values.index.placement }}
  {{- if eq $.root.Values.index.placement "sharded" }}
  shards: {{ $.root.Values.index.shards | int }}
  replicas: {{ $.root.Values.index.replicas | int }}
  resources: {index: 1}
  {{- end }}
  threads: {{ $.root.Values.index.threads | int }}
  {{- if and (eq $.root.Values.device "cuda") (eq $.root.Values.index.placement "sharded") }}
  device: {{ gt ($.root.Values.index.gpus | int) 0 | ternary "cuda" "cpu" }}
  {{- end }}
supervisor:
  resources: {controller: 1}
limits:
  max_frame_bytes: {{ $.root.Values.limits.maxFrameBytes | int }}
  max_side_px: {{ $.root.Values.limits.maxSidePx | int }}
  max_pixels: {{ $.root.Values.limits.maxPixels | int }}
  max_faces: {{ $.root.Values.limits.maxFaces | int }}
ledger:
  checkpoint_s: {{ $.root.Values.ledger.checkpointSeconds }}
  checkpoint_records: {{ $.root.Values.ledger.checkpointRecords | int }}
  {{- if $.root.Values.ledger.anchor.existingClaim }}
  anchor_file: /var/lib/beholden-anchor/anchors
  {{- end }}
keys: /etc/beholden/keys
{{- with $.root.Values.people }}
people:
  {{- toYaml . | nindent 2 }}
{{- end }}
telemetry:
  objective_ms: {{ $.root.Values.telemetry.objectiveMs | int }}
  logs: {{ $.root.Values.telemetry.logs }}
  {{- with $.root.Values.telemetry.traces.otlp }}
  traces: {otlp: {{ . | quote }}, share: {{ $.root.Values.telemetry.traces.share }}}
  {{- end }}
  metrics: {listen: "0.0.0.0:9464"}
{{- end }}

{{/* Name of a user's: certificates are mounted at one place, names of users stand in the file. */}}
{{- define "beholden.clusterFileOf" -}}
{{ eq .root.Values.kafka.protocol "SASL_SSL" | ternary .user "cluster" }}.yaml
{{- end }}

{{/* The part of a card that each recogniser is given, to four places as Ray counts it. */}}
{{- define "beholden.gpuShare" -}}
{{- if eq .Values.device "cuda" }}{{ divf (floor (mulf 10000 (divf .Values.gpu.perPod .Values.recognisers.perPod))) 10000 }}{{ else }}1{{ end }}
{{- end }}
