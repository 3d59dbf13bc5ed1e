{{/* How Kafka is reached, and by whom. */}}

{{- define "beholden.kafka.bootstrap" -}}
{{- $port := eq .Values.kafka.protocol "PLAINTEXT" | ternary 9092 9093 }}
{{- with .Values.kafka.bootstrap }}{{ . }}{{ else -}}
{{ .Values.kafka.strimzi.cluster }}-kafka-bootstrap.{{ include "beholden.kafka.namespace" . }}.svc:{{ $port }}
{{- end }}
{{- end }}

{{- define "beholden.kafka.namespace" -}}
{{ $.Values.kafka.strimzi.namespace | default $.Release.Namespace }}
{{- end }}

{{/* Whether Strimzi makes this user's Secret, and where pods of this release can read it. */}}
{{- define "beholden.kafka.made" -}}
{{- if and .root.Values.kafka.strimzi.cluster (has .user .root.Values.kafka.strimzi.users) (include "beholden.kafka.isHere" .root) }}true{{ end }}
{{- end }}

{{- define "beholden.kafka.isHere" -}}
{{- if eq (include "beholden.kafka.namespace" .) .Release.Namespace }}true{{ end }}
{{- end }}

{{/* Name of a user, or of its Secret: (dict "root" $ "user" "cluster"). Strimzi calls both as the KafkaUser. */}}
{{- define "beholden.kafka.user" -}}
{{- (get .root.Values.kafka.users .user | default dict).name | default (printf "%s-%s" (include "beholden.fullname" .root) .user) }}
{{- end }}

{{- define "beholden.kafka.secret" -}}
{{- (get .root.Values.kafka.users .user).existingSecret | default (include "beholden.kafka.made" . | empty | ternary "" (include "beholden.kafka.user" .)) }}
{{- end }}

{{- define "beholden.kafka.caSecret" -}}
{{- $cluster := .Values.kafka.strimzi.cluster }}
{{- $made := and $cluster (include "beholden.kafka.isHere" .) }}
{{- .Values.kafka.caSecret | default ($made | empty | ternary "" (print $cluster "-cluster-ca-cert")) }}
{{- end }}

{{/* The password, of a user that has one. */}}
{{- define "beholden.kafka.env" -}}
{{- if eq .root.Values.kafka.protocol "SASL_SSL" }}
- name: BEHOLDEN_KAFKA_PASSWORD
  valueFrom:
    secretKeyRef: {name: {{ include "beholden.kafka.secret" . }}, key: password}
{{- end }}
{{- end }}

{{/* Certificates: the brokers', and a client's own where it shows one. */}}
{{- define "beholden.kafka.volumes" -}}
{{- if ne .root.Values.kafka.protocol "PLAINTEXT" }}
- name: kafka
  projected:
    defaultMode: 0440
    sources:
      - secret:
          name: {{ include "beholden.kafka.caSecret" .root }}
          items: [{key: ca.crt, path: ca.crt}]
      {{- if eq .root.Values.kafka.protocol "SSL" }}
      - secret:
          name: {{ include "beholden.kafka.secret" . }}
          items: [{key: user.crt, path: user.crt}, {key: user.key, path: user.key}]
      {{- end }}
{{- end }}
{{- end }}

{{- define "beholden.kafka.mounts" -}}
{{- if ne .Values.kafka.protocol "PLAINTEXT" }}
- {name: kafka, mountPath: /etc/beholden/kafka, readOnly: true}
{{- end }}
{{- end }}
