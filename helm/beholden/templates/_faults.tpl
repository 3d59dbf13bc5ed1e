{{/* What is wrong with values, a line for each fault that says what to do; nothing where all is well. */}}

{{- define "beholden.faults.cluster" -}}
{{- $v := .Values }}
{{- if and (eq $v.device "cuda") (not $v.gpu.resourceName) }}
gpu.resourceName: device is cuda, and what the cluster calls a GPU is not said: `kubectl describe node` lists it, as nvidia.com/gpu
{{- end }}
{{- if and (eq $v.device "cpu") $v.gpu.resourceName }}
gpu.resourceName: {{ $v.gpu.resourceName }} is named and device is cpu: set device to cuda, or leave the name empty
{{- end }}
{{- $each := $v.recognisers.perPod | int }}
{{- $cards := $v.gpu.perPod | int }}
{{- if and (eq $v.device "cuda") (ne 0 (mod $each $cards)) (ne 0 (mod $cards $each)) }}
gpu.perPod: {{ $cards }} cannot be shared by {{ $each }} recognisers of a pod: one must be a multiple of the other
{{- end }}
{{- if and $v.recognisers.most (lt ($v.recognisers.most | int) ($v.recognisers.count | int)) }}
recognisers.most: must be 0, or at least count ({{ $v.recognisers.count }}), found {{ $v.recognisers.most }}
{{- end }}
{{- if gt (max $v.recognisers.most $v.recognisers.count | int) ($v.kafka.framePartitions | int) }}
recognisers: more than kafka.framePartitions ({{ $v.kafka.framePartitions }}) would have nothing to do
{{- end }}
{{- if and (eq $v.index.placement "sharded") (gt ($v.index.shards | int) ($v.kafka.watchlistPartitions | int)) }}
index.shards: must not exceed kafka.watchlistPartitions ({{ $v.kafka.watchlistPartitions }}), found {{ $v.index.shards }}
{{- end }}
{{- if not $v.keys.existingSecret }}
keys.existingSecret: name the Secret with evidence.key and checkpoints.key: `beholden keys make FOLDER`, then `kubectl create secret generic NAME --from-file=FOLDER`
{{- end }}
{{- end }}

{{- define "beholden.faults.operator" -}}
{{- $oldest := .Values.kuberay.minVersion }}
{{- if semverCompare "<1.5.1-0" $oldest }}
kuberay.minVersion: {{ $oldest }} would leave out authOptions, and anybody could run code on Ray: update the operator to 1.5.1 or later and say so here
{{- else if and .Values.ray.auth.existingSecret (semverCompare "<1.6.0-0" $oldest) }}
ray.auth.existingSecret: KubeRay {{ $oldest }} (kuberay.minVersion) would leave it out and make a token of its own: update it to 1.6 or later, or leave this empty
{{- end }}
{{- end }}

{{- define "beholden.faults.kafka" -}}
{{- $v := .Values.kafka }}
{{- if not (or $v.bootstrap $v.strimzi.cluster) }}
kafka.bootstrap: name a Kafka, HOST:PORT, or a `Kafka` of Strimzi in kafka.strimzi.cluster
{{- end }}
{{- if and (ne $v.protocol "PLAINTEXT") (not (include "beholden.kafka.caSecret" .)) }}
kafka.caSecret: protocol {{ $v.protocol }} needs the Secret that holds the certificates (ca.crt) of Kafka's brokers; one in another namespace must be copied
{{- end }}
{{- if ne $v.protocol "PLAINTEXT" }}
{{- $users := list "cluster" "retention" }}
{{- if .Values.canary.schedule }}{{ $users = append $users "canary" }}{{ end }}
{{- if .Values.loadTest.enabled }}{{ $users = append $users "load" }}{{ end }}
{{- range $users }}
{{- if not (include "beholden.kafka.secret" (dict "root" $ "user" .)) }}
kafka.users.{{ . }}.existingSecret: protocol {{ $v.protocol }} needs the Secret of this user, with {{ eq $v.protocol "SSL" | ternary "user.crt and user.key" "password" }}
{{- end }}
{{- end }}
{{- end }}
{{- if and .Values.networkPolicy.enabled (not (or .Values.networkPolicy.kafka $v.strimzi.cluster)) }}
networkPolicy.kafka: nothing may leave the pods but for where it is let: say where Kafka's brokers are, as [{ipBlock: {cidr: 10.0.0.0/24}}]
{{- end }}
{{- end }}

{{- define "beholden.faults.jobs" -}}
{{- $policy := include "beholden.policy" . | fromYaml }}
{{- $lists := dict }}
{{- range $name, $list := $policy.watchlists }}
{{- if $list.canary }}{{ $_ := set $lists $name $list.canary }}{{ end }}
{{- end }}
{{- if .Values.canary.schedule }}
{{- if not $lists }}
canary.schedule: no list of policy {{ $policy.policy }} says `canary: CAMERA`, so nobody may pass: put one into the policy, or leave the schedule empty
{{- else if and .Values.canary.list (not (hasKey $lists .Values.canary.list)) }}
canary.list: {{ .Values.canary.list }} is no canary's list of policy {{ $policy.policy }}; these are: {{ keys $lists | sortAlpha | join ", " }}
{{- end }}
{{- if not .Values.canary.pictureSecret }}
canary.pictureSecret: name the Secret with canary.jpg: `beholden people portrait` draws somebody who does not exist
{{- end }}
{{- end }}
{{- if .Values.loadTest.enabled }}
{{- if not .Values.loadTest.cameras }}
loadTest.cameras: name cameras of policy {{ $policy.policy }}: {{ $policy.cameras | default list | join ", " }}
{{- end }}
{{- range .Values.loadTest.cameras }}
{{- if not (has . ($policy.cameras | default list)) }}
loadTest.cameras: {{ . }} is no camera of policy {{ $policy.policy }}, and its frames would be refused
{{- end }}
{{- end }}
{{- end }}
{{- with .Values.keda.alertReaders }}
{{- if and .deployment (not .group) }}
keda.alertReaders.group: name the consumer group of {{ .deployment }}
{{- end }}
{{- if and .deployment (ne $.Values.kafka.protocol "PLAINTEXT") (not (and .user .existingSecret)) }}
keda.alertReaders: protocol {{ $.Values.kafka.protocol }} needs user and existingSecret, for KEDA to see how many alerts wait
{{- end }}
{{- end }}
{{- end }}
