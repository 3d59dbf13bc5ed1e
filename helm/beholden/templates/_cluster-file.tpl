{{/* The cluster file: (dict "root" $ "user" "cluster"). Kafka is all in which users differ. */}}
{{- define "beholden.clusterFile" -}}
{{- $v := .root.Values -}}
cluster: {{ include "beholden.cluster" .root }}
policy: ../policies/{{ include "beholden.policyFile" .root }}
models: {manifests: {{ $v.models.manifests }}, files: {{ $v.models.files }}}
kafka:
  bootstrap: {{ include "beholden.kafka.bootstrap" .root }}
  topic_prefix: {{ $v.kafka.topicPrefix | quote }}
  frame_partitions: {{ $v.kafka.framePartitions | int }}
  watchlist_partitions: {{ $v.kafka.watchlistPartitions | int }}
  replication: {{ $v.kafka.replication | int }}
  max_message_bytes: {{ $v.kafka.maxMessageBytes | int }}
  security:
    protocol: {{ $v.kafka.protocol }}
    {{- if ne $v.kafka.protocol "PLAINTEXT" }}
    cafile: /etc/beholden/kafka/ca.crt
    {{- end }}
    {{- if eq $v.kafka.protocol "SSL" }}
    certfile: /etc/beholden/kafka/user.crt
    keyfile: /etc/beholden/kafka/user.key
    {{- end }}
    {{- if eq $v.kafka.protocol "SASL_SSL" }}
    mechanism: {{ $v.kafka.mechanism }}
    username: {{ include "beholden.kafka.user" . }}
    {{- end }}
ray: {{ include "beholden.headAddress" .root }}
device: {{ $v.device }}
recognisers:
  count: {{ $v.recognisers.count | int }}
  {{- if $v.recognisers.most }}
  most: {{ $v.recognisers.most | int }}
  {{- end }}
  more_after_s: {{ $v.recognisers.moreAfterSeconds }}
  fewer_after_s: {{ $v.recognisers.fewerAfterSeconds }}
  threads: {{ $v.recognisers.threads | int }}
  poll_frames: {{ $v.recognisers.pollFrames | int }}
  detect_batch: {{ $v.recognisers.detectBatch | int }}
  gpu_share: {{ include "beholden.gpuShare" .root }}
  resources: {recogniser: 1}
delivery: {{ $v.delivery }}
index:
  placement: {{ $v.index.placement }}
  {{- if eq $v.index.placement "sharded" }}
  shards: {{ $v.index.shards | int }}
  replicas: {{ $v.index.replicas | int }}
  resources: {index: 1}
  {{- end }}
  threads: {{ $v.index.threads | int }}
supervisor:
  resources: {controller: 1}
limits:
  max_frame_bytes: {{ $v.limits.maxFrameBytes | int }}
  max_side_px: {{ $v.limits.maxSidePx | int }}
  max_pixels: {{ $v.limits.maxPixels | int }}
  max_faces: {{ $v.limits.maxFaces | int }}
ledger:
  checkpoint_s: {{ $v.ledger.checkpointSeconds }}
  checkpoint_records: {{ $v.ledger.checkpointRecords | int }}
  {{- if $v.ledger.anchor.existingClaim }}
  anchor_file: /var/lib/beholden-anchor/anchors
  {{- end }}
keys: /etc/beholden/keys
{{- with $v.people }}
people:
  {{- toYaml . | nindent 2 }}
{{- end }}
telemetry:
  objective_ms: {{ $v.telemetry.objectiveMs | int }}
  logs: {{ $v.telemetry.logs }}
  {{- with $v.telemetry.traces.otlp }}
  traces: {otlp: {{ . | quote }}, share: {{ $v.telemetry.traces.share }}}
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
