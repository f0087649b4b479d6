{{- define "graftwatch.name" -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{/* Labels of everything; with (dict "root" $ "component" NAME). */}}
{{- define "graftwatch.labels" -}}
{{ include "graftwatch.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end -}}

{{- define "graftwatch.selector" -}}
app.kubernetes.io/name: graftwatch
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "graftwatch.image" -}}
{{- with .Values.image -}}
{{- if .registry }}{{ .registry }}/{{ end }}{{ .repository }}
{{- if .digest }}@{{ .digest }}{{ else }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end -}}
{{- end -}}

{{/* The name of a ConfigMap: the installation's own, or the one that the chart makes. */}}
{{- define "graftwatch.sites" -}}
{{- .Values.configuration.sitesConfigMap | default (printf "%s-sites" (include "graftwatch.name" .)) -}}
{{- end -}}
{{- define "graftwatch.protocols" -}}
{{- if or .Values.configuration.protocols .Values.configuration.protocolsConfigMap -}}
{{- .Values.configuration.protocolsConfigMap | default (printf "%s-protocols" (include "graftwatch.name" .)) -}}
{{- end -}}
{{- end -}}
{{- define "graftwatch.recipients" -}}
{{- if or .Values.configuration.recipients .Values.configuration.recipientsConfigMap -}}
{{- .Values.configuration.recipientsConfigMap | default (printf "%s-recipients" (include "graftwatch.name" .)) -}}
{{- end -}}
{{- end -}}
{{- define "graftwatch.staff" -}}
{{- .Values.configuration.staffConfigMap | default (printf "%s-staff" (include "graftwatch.name" .)) -}}
{{- end -}}

{{- define "graftwatch.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "graftwatch.containerSecurity" -}}
allowPrivilegeEscalation: false
privileged: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}
