{{/* The topics, as `beholden up` makes them where they are missing (cluster/kafka/admin.py); a test holds one against
the other. */}}

{{- define "beholden.topics" -}}
{{- $kept := (include "beholden.policy" . | fromYaml).retention }}
{{- $day := 86400000 }}
{{- $hour := 3600000 }}
{{- $safe := printf "min.insync.replicas: %d" (max 1 (sub $.Values.kafka.replication 1)) }}
frames:
  partitions: {{ $.Values.kafka.framePartitions | int }}
  config:
    {{- include "beholden.topics.kept" $kept.frames | nindent 4 }}
    message.timestamp.type: CreateTime
    message.timestamp.after.max.ms: 300000
    max.message.bytes: {{ $.Values.kafka.maxMessageBytes | int }}
{{- range $topic := list "alerts" "evidence" }}
{{ $topic }}:
  partitions: {{ $.Values.kafka.framePartitions | int }}
  config:
    {{ $safe }}
    {{- include "beholden.topics.kept" (get $kept $topic) | nindent 4 }}
    message.timestamp.type: LogAppendTime
{{- end }}
watchlist:
  partitions: {{ $.Values.kafka.watchlistPartitions | int }}
  config:
    {{ $safe }}
    cleanup.policy: compact
    segment.ms: {{ $hour }}
    max.compaction.lag.ms: {{ $hour }}
    delete.retention.ms: {{ $day }}
policy:
  partitions: 1
  config:
    {{ $safe }}
    {{- include "beholden.topics.for-ever" . | nindent 4 }}
    message.timestamp.type: LogAppendTime
ledger:
  partitions: 1
  config:
    {{ $safe }}
    {{- include "beholden.topics.kept" $kept.ledger | nindent 4 }}
    message.timestamp.type: LogAppendTime
ledger-heads:
  partitions: 1
  config:
    {{ $safe }}
    {{- include "beholden.topics.for-ever" . | nindent 4 }}
dead-letters:
  partitions: 1
  config:
    {{ $safe }}
    {{- include "beholden.topics.kept" $kept.dead_letters | nindent 4 }}
    message.timestamp.type: LogAppendTime
{{- end }}

{{- define "beholden.topics.kept" -}}
cleanup.policy: delete
retention.ms: {{ mul 1000 (include "beholden.seconds" .keep | int64) }}
retention.bytes: -1
segment.ms: {{ mul 1000 (include "beholden.seconds" .roll | int64) }}
{{- end }}

{{- define "beholden.topics.for-ever" -}}
cleanup.policy: delete
retention.ms: -1
retention.bytes: -1
{{- end }}
