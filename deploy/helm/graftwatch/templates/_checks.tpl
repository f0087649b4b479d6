{{/* What values must fit together; all faults are named at once. Called by services.yaml. */}}
{{- define "graftwatch.checks" -}}
{{- $v := .Values -}}
{{- $faults := list -}}
{{- if not $v.kafka.bootstrapServers -}}
{{- $faults = append $faults "kafka.bootstrapServers is not set: host:port, several separated by commas" -}}
{{- end -}}
{{- if and (hasSuffix "PLAINTEXT" $v.kafka.security.protocol) (not $v.kafka.security.allowPlaintext) -}}
{{- $faults = append $faults (printf "kafka.security.protocol %s sends records of patients in clear: use SASL_SSL, or set kafka.security.allowPlaintext for a trial on your own machine" $v.kafka.security.protocol) -}}
{{- end -}}
{{- $logins := dict -}}
{{- range $name, $s := $v.services -}}
{{- if $s.enabled -}}
{{- if ne $name "intake" -}}
{{- if not $s.databaseSecret.name -}}
{{- $faults = append $faults (printf "services.%s.databaseSecret.name is not set: the Secret with postgresql://graftwatch_%s:…@host:port/database" $name $name) -}}
{{- else -}}
{{- $login := printf "%s/%s" $s.databaseSecret.name $s.databaseSecret.key -}}
{{- with get $logins $login -}}
{{- $faults = append $faults (printf "services.%s and services.%s have one database secret, %s: each service needs its own login, with its own rights" . $name $login) -}}
{{- end -}}
{{- $_ := set $logins $login $name -}}
{{- end -}}
{{- end -}}
{{- if has $name (list "ingest" "eligibility" "response" "safety" "notify") -}}
{{- if gt (int $s.replicas) (int $v.kafka.partitions) -}}
{{- $faults = append $faults (printf "services.%s.replicas %d is more than kafka.partitions %d: a worker without a partition has nothing to do" $name (int $s.replicas) (int $v.kafka.partitions)) -}}
{{- end -}}
{{- end -}}
{{- with $s.autoscaling -}}
{{- if .enabled -}}
{{- if gt (int .max) (int $v.kafka.partitions) -}}
{{- $faults = append $faults (printf "services.%s.autoscaling.max %d is more than kafka.partitions %d" $name (int .max) (int $v.kafka.partitions)) -}}
{{- end -}}
{{- if and (not (hasKey . "lag")) (not $v.monitoring.prometheusAddress) -}}
{{- $faults = append $faults (printf "services.%s.autoscaling needs monitoring.prometheusAddress: how long its patients wait is asked there" $name) -}}
{{- end -}}
{{- if gt (int .min) (int .max) -}}
{{- $faults = append $faults (printf "services.%s.autoscaling.min %d is more than its max %d" $name (int .min) (int .max)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if not $v.secrets.pseudonymKey.name -}}
{{- $faults = append $faults "secrets.pseudonymKey.name is not set: the Secret with the key of the pseudonyms, at least 32 characters, kept for the installation's life" -}}
{{- end -}}
{{- if and (not $v.secrets.crosswalkKey.name) (or $v.services.ingest.enabled $v.console.reidentify $v.notify.identifiers) -}}
{{- $faults = append $faults "secrets.crosswalkKey.name is not set: the Secret with NAME:64 hexadecimal digits, which seals what names a person" -}}
{{- end -}}
{{- if and $v.migrations.enabled (not $v.migrations.databaseSecret.name) -}}
{{- $faults = append $faults "migrations.databaseSecret.name is not set: the Secret with postgresql://graftwatch_migrator:…@host:port/database; or migrations.enabled: false, and run `graftwatch migrate` yourself" -}}
{{- end -}}
{{- if not (or $v.configuration.sites $v.configuration.sitesConfigMap) -}}
{{- $faults = append $faults "configuration.sites or sitesConfigMap is not set: one file for each hospital" -}}
{{- end -}}
{{- if $v.services.console.enabled -}}
{{- range $path, $value := dict "console.address" $v.console.address "console.oidc.issuer" $v.console.oidc.issuer -}}
{{- if not (hasPrefix "https://" $value) -}}
{{- $faults = append $faults (printf "%s is not set to https://…" $path) -}}
{{- end -}}
{{- end -}}
{{- if not $v.console.oidc.clientId -}}
{{- $faults = append $faults "console.oidc.clientId is not set" -}}
{{- end -}}
{{- if not (or $v.configuration.staff $v.configuration.staffConfigMap) -}}
{{- $faults = append $faults "configuration.staff or staffConfigMap is not set: who may do what; `people: []` where the provider states roles" -}}
{{- end -}}
{{- end -}}
{{- if $v.services.notify.enabled -}}
{{- if and $v.notify.smtpSecret.name (not $v.notify.mailFrom) -}}
{{- $faults = append $faults "notify.mailFrom is not set: the sender of mails, name@host" -}}
{{- end -}}
{{- if not (or $v.configuration.recipients $v.configuration.recipientsConfigMap) -}}
{{- $faults = append $faults "configuration.recipients or recipientsConfigMap is not set: nobody would be told of anything" -}}
{{- end -}}
{{- end -}}
{{- range $name := list "console" "intake" "notify" -}}
{{- $ingress := get $v.ingress $name -}}
{{- if and $ingress.enabled (not (and $ingress.host $ingress.tlsSecret)) -}}
{{- $faults = append $faults (printf "ingress.%s needs host and tlsSecret: it is served over TLS only" $name) -}}
{{- end -}}
{{- if and $ingress.enabled (not (get $v.services $name).enabled) -}}
{{- $faults = append $faults (printf "ingress.%s is enabled, and services.%s is not" $name $name) -}}
{{- end -}}
{{- end -}}
{{- if and $v.ingress.notify.enabled (not $v.notify.address) -}}
{{- $faults = append $faults "notify.address is not set: notify's /fhir as subscribers see it, https://HOST of ingress.notify" -}}
{{- end -}}
{{- if $v.networkPolicy.enabled -}}
{{- range $name := list "kafka" "database" -}}
{{- if not (get $v.networkPolicy $name).to -}}
{{- $faults = append $faults (printf "networkPolicy.%s.to is empty: say where it is (namespaceSelector, podSelector or ipBlock); or networkPolicy.enabled: false" $name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- range $name := list "console" "intake" "notify" -}}
{{- if and $v.networkPolicy.enabled (get $v.ingress $name).enabled (not $v.networkPolicy.web.from) -}}
{{- $faults = append $faults (printf "networkPolicy.web.from is empty: ingress.%s would reach nobody; say where the ingress controller is, or networkPolicy.enabled: false" $name) -}}
{{- end -}}
{{- end -}}
{{- if and $v.networkPolicy.enabled $v.monitoring.serviceMonitor.enabled (not $v.networkPolicy.metrics.from) -}}
{{- $faults = append $faults "networkPolicy.metrics.from is empty: monitoring.serviceMonitor would find every service down; say where Prometheus is, or networkPolicy.enabled: false" -}}
{{- end -}}
{{- if and $v.networkPolicy.enabled $v.traces.endpoint (not $v.networkPolicy.traces.to) -}}
{{- $faults = append $faults "networkPolicy.traces.to is empty: say where the collector of traces.endpoint is; or traces.endpoint: \"\"" -}}
{{- end -}}
{{- with $v.kafka -}}
{{- if and .strimzi.enabled (not .strimzi.cluster) -}}
{{- $faults = append $faults "kafka.strimzi.cluster is not set: the name of the Kafka resource" -}}
{{- end -}}
{{- if and .strimzi.enabled .topicsJob.enabled -}}
{{- $faults = append $faults "kafka.strimzi.enabled and kafka.topicsJob.enabled are both set: one of them makes the topics" -}}
{{- end -}}
{{- if and .topicsJob.enabled (hasPrefix "SASL" .security.protocol) (not (and .topicsJob.user .topicsJob.secret.name)) -}}
{{- $faults = append $faults "kafka.topicsJob needs user and secret.name: who may create topics" -}}
{{- end -}}
{{- end -}}
{{- if $faults -}}
{{- fail (printf "\n  %s" (join "\n  " $faults)) -}}
{{- end -}}
{{- end -}}
