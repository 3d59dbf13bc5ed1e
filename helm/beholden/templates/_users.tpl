{{/* What each user of Kafka may do: topics by what is done to them, then groups and transactions. A user who makes sure
that topics are there must see them all, or it would try to make them. */}}
{{- define "beholden.users" -}}
{{- $cluster := include "beholden.cluster" . -}}
cluster: # one for all processes: what they are made with names one, and Ray hands it to each
  Describe: &all [frames, alerts, evidence, watchlist, policy, ledger, ledger-heads, dead-letters]
  DescribeConfigs: *all
  Read: *all # frames and lists to look at; of the others, how old the oldest record is
  Write: [alerts, evidence, policy, ledger, ledger-heads, dead-letters]
  group: beholden.{{ $cluster }}
  {{- if eq .Values.delivery "exactly-once" }}
  transactions: beholden.{{ $cluster }}.
  {{- end }}
  brokers: true
canary:
  Describe: [frames, alerts, policy, watchlist]
  Read: [alerts, policy, watchlist]
  Write: [frames]
retention:
  Describe: *all
  DescribeConfigs: *all
  Read: [policy]
  brokers: true
load: &sender
  Describe: [frames]
  Write: [frames]
cameras: *sender
control-room:
  Describe: [alerts]
  Read: [alerts]
  groups: control-room
desk:
  Describe: *all
  Read: [watchlist, policy, ledger]
  Write: [watchlist, ledger]
policy-desk:
  Describe: *all
  Read: [policy, ledger]
  Write: [policy, ledger]
investigator:
  Describe: [alerts, evidence, policy, ledger]
  Read: [alerts, evidence, policy, ledger]
auditor:
  Describe: [policy, ledger, ledger-heads]
  Read: [policy, ledger, ledger-heads]
{{- end }}

{{/* The same as Strimzi writes it: (dict "root" $ "may" {}). */}}
{{- define "beholden.acls" -}}
{{- $may := .may }}
{{- range $topic := list "frames" "alerts" "evidence" "watchlist" "policy" "ledger" "ledger-heads" "dead-letters" }}
{{- $operations := list }}
{{- range $operation := list "Describe" "DescribeConfigs" "Read" "Write" }}
{{- if has $topic (get $may $operation | default list) }}{{ $operations = append $operations $operation }}{{ end }}
{{- end }}
{{- with $operations }}
- resource: {type: topic, name: {{ $.root.Values.kafka.topicPrefix }}{{ $topic }}, patternType: literal}
  operations: {{ toJson . }}
{{- end }}
{{- end }}
{{- with $may.group }}
- resource: {type: group, name: {{ . }}, patternType: literal}
  operations: [Describe, Read]
{{- end }}
{{- with $may.groups }}
- resource: {type: group, name: {{ . }}, patternType: prefix}
  operations: [Describe, Read]
{{- end }}
{{- with $may.transactions }}
- resource: {type: transactionalId, name: {{ . }}, patternType: prefix}
  operations: [Describe, Write]
{{- end }}
{{- if $may.brokers }}
- resource: {type: cluster}
  operations: [Describe, DescribeConfigs]
{{- end }}
{{- end }}
