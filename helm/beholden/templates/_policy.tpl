{{/* The policy of a release: read, and held against what a policy may say. Whether it may come into force is for the
program; here it is only that a slip of the hand is told before anything is installed. */}}

{{/* The policy itself, as YAML, of whichever form it was given in. */}}
{{- define "beholden.policy" -}}
{{- if .Values.policy.release }}
{{- (.Values.policy.release | fromJson).policy | toYaml }}
{{- else }}
{{- .Values.policy.document | fromYaml | toYaml }}
{{- end }}
{{- end }}

{{- define "beholden.policyFile" -}}
{{- $policy := include "beholden.policy" . | fromYaml -}}
{{ $policy.policy | int }}{{ .Values.policy.release | empty | ternary ".yaml" ".release.json" }}
{{- end }}

{{/* Seconds of a length of time such as `10 min`. */}}
{{- define "beholden.seconds" -}}
{{- $parts := splitList " " . -}}
{{- mul (first $parts | int64) (get (dict "s" 1 "min" 60 "h" 3600 "d" 86400) (last $parts)) }}
{{- end }}
