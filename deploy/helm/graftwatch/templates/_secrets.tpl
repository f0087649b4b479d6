{{/*
THE table of which service is given which secret: lines of variable, Secret and key. Each is a file, named by VARIABLE_FILE.
Nobody else is given the crosswalk's key than ingest, a console that may re-identify, and a notify that writes identifiers.
With (dict "root" $ "name" NAME "service" VALUES).
*/}}
{{- define "graftwatch.secrets" -}}
{{- $v := .root.Values -}}
{{- if hasPrefix "SASL" $v.kafka.security.protocol }}
- {variable: KAFKA_SASL_PASSWORD, name: {{ .service.kafkaSecret.name | quote }}, key: {{ .service.kafkaSecret.key | quote }}}
{{- end }}
{{- if ne .name "intake" }}
- {variable: DATABASE_URL, name: {{ .service.databaseSecret.name | quote }}, key: {{ .service.databaseSecret.key | quote }}}
{{- end }}
{{- if has .name (list "ingest" "eligibility" "response" "safety") }}
- {variable: GRAFTWATCH_PSEUDONYM_KEY, name: {{ $v.secrets.pseudonymKey.name | quote }}, key: {{ $v.secrets.pseudonymKey.key | quote }}}
{{- end }}
{{- if or (eq .name "ingest") (and (eq .name "console") $v.console.reidentify) (and (eq .name "notify") $v.notify.identifiers) }}
- {variable: GRAFTWATCH_CROSSWALK_KEY, name: {{ $v.secrets.crosswalkKey.name | quote }}, key: {{ $v.secrets.crosswalkKey.key | quote }}}
{{- end }}
{{- if and (eq .name "notify") $v.notify.smtpSecret.name }}
- {variable: GRAFTWATCH_SMTP_URL, name: {{ $v.notify.smtpSecret.name | quote }}, key: {{ $v.notify.smtpSecret.key | quote }}}
{{- end }}
{{- if eq .name "notify" }}
{{- range $v.notify.webhookSecrets }}
- {variable: {{ .variable }}, name: {{ .name | quote }}, key: {{ .key | quote }}}
{{- end }}
{{- end }}
{{- if and (eq .name "console") $v.console.oidc.clientSecret.name }}
- {variable: GRAFTWATCH_OIDC_CLIENT_SECRET, name: {{ $v.console.oidc.clientSecret.name | quote }}, key: {{ $v.console.oidc.clientSecret.key | quote }}}
{{- end }}
{{- end -}}

{{/* How this chart's pods reach Kafka, but for the user. */}}
{{- define "graftwatch.kafkaEnv" -}}
- {name: KAFKA_BOOTSTRAP_SERVERS, value: {{ .Values.kafka.bootstrapServers | quote }}}
- {name: KAFKA_SECURITY_PROTOCOL, value: {{ .Values.kafka.security.protocol }}}
{{- if hasPrefix "SASL" .Values.kafka.security.protocol }}
- {name: KAFKA_SASL_MECHANISM, value: {{ .Values.kafka.security.mechanism }}}
{{- end }}
{{- if and .Values.kafka.security.ca.name (hasSuffix "SSL" .Values.kafka.security.protocol) }}
- {name: KAFKA_SSL_CAFILE, value: /run/kafka/ca.crt}
{{- end }}
{{- end -}}

{{- define "graftwatch.kafkaCaMount" -}}
{{- if and .Values.kafka.security.ca.name (hasSuffix "SSL" .Values.kafka.security.protocol) }}
- {name: kafka-ca, mountPath: /run/kafka, readOnly: true}
{{- end }}
{{- end -}}

{{- define "graftwatch.kafkaCaVolume" -}}
{{- if and .Values.kafka.security.ca.name (hasSuffix "SSL" .Values.kafka.security.protocol) }}
- name: kafka-ca
  secret:
    secretName: {{ .Values.kafka.security.ca.name }}
    items: [{key: {{ .Values.kafka.security.ca.key | quote }}, path: ca.crt}]
{{- end }}
{{- end -}}

{{/*
By what the database is known, and by what a pod shows it who it is: the house's authority, a certificate of the pod's login.
With (dict "root" $ "certificate" VALUES).
*/}}
{{- define "graftwatch.databaseTlsMount" -}}
{{- if or .root.Values.database.ca.name (.certificate).name }}
- {name: database-tls, mountPath: /run/database, readOnly: true}
{{- end }}
{{- end -}}

{{- define "graftwatch.databaseTlsVolume" -}}
{{- if or .root.Values.database.ca.name (.certificate).name }}
- name: database-tls
  projected:
    defaultMode: 0440
    sources:
      {{- with .root.Values.database.ca }}
      {{- if .name }}
      - secret:
          name: {{ .name }}
          items: [{key: {{ .key | quote }}, path: ca.crt}]
      {{- end }}
      {{- end }}
      {{- if (.certificate).name }}
      - secret:
          name: {{ .certificate.name }}
          items: [{key: tls.crt, path: tls.crt}, {key: tls.key, path: tls.key}]
      {{- end }}
{{- end }}
{{- end -}}
