{{/* What is wrong with values, a line for each fault that says what to do; nothing where all is well. */}}

{{- define "beholden.faults.cluster" -}}
{{- if not (regexMatch "^[a-zA-Z]" (include "beholden.fullname" .)) }}
fullnameOverride: {{ include "beholden.fullname" . }} cannot name a Service: it must begin with a letter
{{- end }}
{{- if not (regexMatch "^([^/]*[.:][^/]*|localhost)/" .Values.image.repository) }}
image.repository: {{ .Values.image.repository | default "it" }} names no registry, and would be looked for in a public one: say yours, as registry.example/beholden
{{- end }}
{{- if and (eq .Values.device "cuda") (not .Values.gpu.resourceName) }}
gpu.resourceName: device is cuda, and what the cluster calls a GPU is not said: `kubectl describe node` lists it, as nvidia.com/gpu
{{- end }}
{{- if and (eq .Values.device "cpu") .Values.gpu.resourceName }}
gpu.resourceName: {{ .Values.gpu.resourceName }} is named and device is cpu: set device to cuda, or leave the name empty
{{- end }}
{{- $each := .Values.recognisers.perPod | int }}
{{- $cards := .Values.gpu.perPod | int }}
{{- if and (eq .Values.device "cuda") (ne 0 (mod $each $cards)) (ne 0 (mod $cards $each)) }}
gpu.perPod: {{ $cards }} cannot be shared by {{ $each }} recognisers of a pod: one must be a multiple of the other
{{- end }}
{{- if and .Values.recognisers.most (lt (.Values.recognisers.most | int) (.Values.recognisers.count | int)) }}
recognisers.most: must be 0, or at least count ({{ .Values.recognisers.count }}), found {{ .Values.recognisers.most }}
{{- end }}
{{- if and (gt (.Values.recognisers.most | int) (.Values.recognisers.count | int)) (not .Values.ray.autoscaler.enabled) }}
recognisers.most: without ray.autoscaler.enabled no pod comes for more than count ({{ .Values.recognisers.count }}): enable it, or set most to 0
{{- end }}
{{- if gt (max .Values.recognisers.most .Values.recognisers.count | int) (.Values.kafka.framePartitions | int) }}
recognisers: more than kafka.framePartitions ({{ .Values.kafka.framePartitions }}) would have nothing to do
{{- end }}
{{- if and (eq .Values.index.placement "sharded") (gt (.Values.index.shards | int) (.Values.kafka.watchlistPartitions | int)) }}
index.shards: must not exceed kafka.watchlistPartitions ({{ .Values.kafka.watchlistPartitions }}), found {{ .Values.index.shards }}
{{- end }}
{{- $onClaim := or (hasPrefix "/models" .Values.models.manifests) (hasPrefix "/models" .Values.models.files) }}
{{- if and .Values.models.existingClaim (not $onClaim) }}
models.files: claim {{ .Values.models.existingClaim }} is mounted at /models, and nothing is read there: set files, and manifests where they lie there too, to /models
{{- end }}
{{- if and $onClaim (not .Values.models.existingClaim) }}
models.existingClaim: models are looked for at /models: name the claim that is mounted there
{{- end }}
{{- if not .Values.keys.existingSecret }}
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
{{- if not (or .Values.kafka.bootstrap .Values.kafka.strimzi.cluster) }}
kafka.bootstrap: name a Kafka, HOST:PORT, or a `Kafka` of Strimzi in kafka.strimzi.cluster
{{- end }}
{{- if and (ne .Values.kafka.protocol "PLAINTEXT") (not (include "beholden.kafka.caSecret" .)) }}
kafka.caSecret: protocol {{ .Values.kafka.protocol }} needs the Secret that holds the certificates (ca.crt) of Kafka's brokers; one in another namespace must be copied
{{- end }}
{{- if ne .Values.kafka.protocol "PLAINTEXT" }}
{{- $users := list "cluster" "retention" }}
{{- if .Values.canary.schedule }}{{ $users = append $users "canary" }}{{ end }}
{{- if .Values.loadTest.enabled }}{{ $users = append $users "load" }}{{ end }}
{{- range $users }}
{{- if not (include "beholden.kafka.secret" (dict "root" $ "user" .)) }}
kafka.users.{{ . }}.existingSecret: protocol {{ $.Values.kafka.protocol }} needs the Secret of this user, with {{ eq $.Values.kafka.protocol "SSL" | ternary "user.crt and user.key" "password" }}
{{- end }}
{{- end }}
{{- end }}
{{- if and .Values.networkPolicy.enabled (not (or .Values.networkPolicy.kafka .Values.kafka.strimzi.cluster)) }}
networkPolicy.kafka: nothing may leave the pods but for where it is let: say where Kafka's brokers are, as [{ipBlock: {cidr: 10.0.0.0/24}}]
{{- end }}
{{- end }}

{{/* A way out that leads anywhere is none of ours: whoever has Ray's token could send pictures along it. */}}
{{- define "beholden.faults.network" -}}
{{- if .Values.networkPolicy.enabled }}
{{- if and .Values.ray.autoscaler.enabled (not .Values.networkPolicy.apiServer) }}
networkPolicy.apiServer: ray.autoscaler.enabled needs the Kubernetes API server, and nothing lets it: `kubectl get service,endpoints kubernetes` says where it is, as [{ipBlock: {cidr: 10.96.0.1/32}}, {ipBlock: {cidr: 192.0.2.10/32}}]; or disable the autoscaler
{{- end }}
{{- if and .Values.telemetry.traces.otlp (not .Values.networkPolicy.collector) }}
networkPolicy.collector: traces go to {{ .Values.telemetry.traces.otlp }}, and nothing lets them: say where it is, as [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: monitoring}}}]
{{- end }}
{{- if and .Values.ray.gcs.redisAddress (not .Values.networkPolicy.redis) }}
networkPolicy.redis: Ray's head keeps what it knows at {{ .Values.ray.gcs.redisAddress }}, and nothing lets it: say where it is, as [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: redis}}}]
{{- end }}
{{- end }}
{{- end }}

{{- define "beholden.faults.monitoring" -}}
{{- if and .Values.monitoring.podMonitor.enabled .Values.networkPolicy.enabled (not .Values.networkPolicy.prometheus) }}
networkPolicy.prometheus: monitoring.podMonitor has Prometheus fetch metrics, and nothing lets it: say where it is, as [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: monitoring}}}]
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
{{- if and .Values.keda.alertReaders.deployment (not .Values.keda.alertReaders.group) }}
keda.alertReaders.group: name the consumer group of {{ .Values.keda.alertReaders.deployment }}
{{- end }}
{{- if and .Values.keda.alertReaders.deployment (ne .Values.kafka.protocol "PLAINTEXT") (not (and .Values.keda.alertReaders.user .Values.keda.alertReaders.existingSecret)) }}
keda.alertReaders: protocol {{ .Values.kafka.protocol }} needs user and existingSecret, for KEDA to see how many alerts wait
{{- end }}
{{- end }}
