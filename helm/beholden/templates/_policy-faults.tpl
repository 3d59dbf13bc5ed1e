{{/* What is wrong with the policy, as far as can be seen before anything is installed. */}}

{{- define "beholden.faults.policy" -}}
{{- $policy := include "beholden.policy" . | fromYaml }}
{{- if and .Values.policy.document .Values.policy.release }}
policy: document and release are both given: a release holds its policy, so leave the document empty (--set policy.document=)
{{- else if not (or .Values.policy.document .Values.policy.release) }}
policy: there is none, and there is no default for numbers that decide about people: --set-file policy.release=1.release.json, as `beholden policy approve` leaves it, or policy.document where nobody exists whom the cameras show
{{- else if not (kindIs "float64" $policy.policy) }}
policy: {{ $policy.Error | default "it has no number (policy: 1)" }}: `beholden policy check FILE` says where
{{- end }}
{{- end }}

{{- define "beholden.faults.people" -}}
{{- $policy := include "beholden.policy" . | fromYaml }}
{{- if and $policy.policy (not (has $policy.people (list "real" "synthetic"))) }}
policy.people: must be real or synthetic
{{- end }}
{{- if eq ($policy.people | default "") "real" }}
{{- if not .Values.policy.release }}
policy.document: it is for real people and takes two signatures: `beholden policy propose`, `beholden policy approve`, then --set-file policy.release=NUMBER.release.json
{{- end }}
{{- include "beholden.faults.signatures" . }}
{{- if not .Values.people }}
people: the policy is for real people, so say whose signatures count: `beholden policy key NAME --role ROLE` prints a line for each
{{- end }}
{{- if eq .Values.kafka.protocol "PLAINTEXT" }}
kafka.protocol: PLAINTEXT would show pictures of real people to whoever can read the network: use SSL or SASL_SSL
{{- end }}
{{- end }}
{{- end }}

{{/* Whether those signed who have to, by their names and keys. That a signature is right is for the program to say. */}}
{{- define "beholden.faults.signatures" -}}
{{- $release := .Values.policy.release | fromJson }}
{{- $proposal := $release.proposal | default dict }}
{{- $signed := list }}
{{- range $each := $release.signatures }}
{{- $person := get ($.Values.people | default dict) $each.by | default dict }}
{{- $key := $person.public_key | default "" | b64dec | sha256sum | trunc 16 }}
{{- if and (eq $key $each.key_id) (has $each.role ($person.roles | default list)) }}{{ $signed = append $signed $each.role }}{{ end }}
{{- end }}
{{- $roles := or $proposal.loosens (not $proposal.supersedes) | ternary (list "propose" "approve") (list "propose") }}
{{- range $.Values.policy.release | empty | ternary list $roles }}
{{- if not (has . $signed) }}
policy.release: policy {{ $release.policy.policy }} is for real people, and nobody in people has signed it to {{ . }}, with a key that stands there (with `until` where they have left): `beholden policy propose`, `beholden policy approve`
{{- end }}
{{- end }}
{{- end }}

{{/* Numbers that decide about people: (dict "faults" ...) of lists, cameras, and the detector. */}}
{{- define "beholden.faults.numbers" -}}
{{- $policy := include "beholden.policy" . | fromYaml }}
{{- if $policy.policy }}
{{- if not $policy.watchlists }}
policy.watchlists: there is no list, so nobody could ever be found: add one, or remove the release
{{- end }}
{{- range $name, $list := $policy.watchlists }}
{{- $thresholds := merge (dict "threshold" $list.threshold "floor" $list.floor) ($list.cameras | default dict) }}
{{- range $what, $value := $thresholds }}
{{- if not (kindIs "float64" $value) }}
policy.watchlists.{{ $name }}: {{ $what }} must be a cosine from -1 to 1, found {{ $value | default "nothing" }}
{{- else if or (lt $value -1.0) (gt $value 1.0) }}
policy.watchlists.{{ $name }}: {{ $what }} must be a cosine from -1 to 1, found {{ $value }}
{{- else if and (kindIs "float64" $list.floor) (lt $value $list.floor) }}
policy.watchlists.{{ $name }}: {{ $what }} must not be below the list's floor of {{ $list.floor }}, found {{ $value }}
{{- end }}
{{- end }}
{{- end }}
{{- range $key := list "confidence" "overlap" }}
{{- $value := dig "detect" $key "" $policy }}
{{- if not (kindIs "float64" $value) }}
policy.detect.{{ $key }}: must be above 0 and below 1, found {{ $value | default "nothing" }}
{{- else if or (le $value 0.0) (ge $value 1.0) }}
policy.detect.{{ $key }}: must be above 0 and below 1, found {{ $value }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* How long things are kept: no longer than the profile of that name says, files/retention. Topics follow it before
anybody looks at a signature, so the ledger is kept no shorter either, and nothing that goes back by itself is taken. */}}
{{- define "beholden.faults.retention" -}}
{{- $policy := include "beholden.policy" . | fromYaml }}
{{- if $policy.policy }}
{{- $makesTopics := and .Values.kafka.strimzi.cluster .Values.kafka.strimzi.topics }}
{{- $asked := $policy.retention | default dict }}
{{- $profile := $.Files.Get (printf "files/retention/%s.yaml" $asked.profile) | fromYaml }}
{{- if not $profile.profile }}
policy.retention.profile: {{ $asked.profile | default "nothing" }} is none of those in configs/retention, so nobody could hold it against anything: copy the numbers of one
{{- else }}
{{- range $class := list "frames" "alerts" "evidence" "dead_letters" "watchlist" "ledger" }}
{{- range $key, $most := get $profile $class }}
{{- $found := dig $class $key "" $asked | toString }}
{{- if not (regexMatch "^[1-9][0-9]{0,5} (s|min|h|d)$" $found) }}
policy.retention.{{ $class }}.{{ $key }}: write a whole number and s, min, h or d, as 10 min; found {{ $found | default "nothing" }}
{{- else if gt (include "beholden.seconds" $found | int64) (include "beholden.seconds" $most | int64) }}
policy.retention.{{ $class }}.{{ $key }}: {{ $found }} is longer than the {{ $most }} of profile {{ $profile.profile }}
{{- else if and $makesTopics (eq $class "ledger") (eq $key "keep") (lt (include "beholden.seconds" $found | int64) (include "beholden.seconds" $most | int64)) }}
policy.retention.ledger.keep: {{ $found }} is shorter than the {{ $most }} of profile {{ $profile.profile }}, and the topic would lose what is older at once, whoever signed: docs/install.md, How long topics keep
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- $proposal := (.Values.policy.release | fromJson).proposal | default dict }}
{{- $longer := list }}
{{- range $proposal.loosens }}{{ if hasPrefix "retention." . }}{{ $longer = append $longer . }}{{ end }}{{ end }}
{{- if and $makesTopics $proposal.expires_at $longer }}
policy.release: {{ join ", " $longer }} loosens until {{ $proposal.expires_at | trunc 10 }} only, and topics would not go back by themselves: docs/install.md, How long topics keep
{{- end }}
{{- end }}
{{- end }}
