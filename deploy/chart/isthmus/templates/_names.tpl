{{/* What carries a revision at its end. */}}
{{- define "isthmus.suffix" -}}
{{- with .Values.revision }}-{{ . }}{{ end -}}
{{- end }}

{{/* Workload, Service and what belongs to them: the name that Istio's proxies and tools look for. */}}
{{- define "isthmus.istiod" -}}
istiod{{ include "isthmus.suffix" . }}
{{- end }}

{{- define "isthmus.serviceAccount" -}}
isthmus{{ include "isthmus.suffix" . }}
{{- end }}

{{/* Never changed by an upgrade: they select pods. */}}
{{- define "isthmus.selectorLabels" -}}
app: istiod
istio.io/rev: {{ .Values.revision | default "default" | quote }}
{{- end }}

{{- define "isthmus.labels" -}}
{{ include "isthmus.selectorLabels" . }}
{{- /* The Service of an istiod without a revision selects `istio: pilot`: one with a revision stays out of it. */}}
istio: {{ if .Values.revision }}istiod{{ else }}pilot{{ end }}
app.kubernetes.io/name: isthmus
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: isthmus
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "isthmus.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}
{{- end -}}
{{- end -}}
{{- end }}

{{/* A bad set of values that no schema can describe ends here, with a sentence. */}}
{{- define "isthmus.check" -}}
{{- $seen := dict -}}
{{- range .Values.remotes -}}
{{- if eq .clusterId $.Values.clusterId -}}
{{- fail (printf "remotes: %s is the cluster of this instance itself: leave it out." .clusterId) -}}
{{- end -}}
{{- if hasKey $seen .clusterId -}}
{{- fail (printf "remotes: %s is there twice: each remote cluster has one kubeconfig." .clusterId) -}}
{{- end -}}
{{- $_ := set $seen .clusterId true -}}
{{- end -}}
{{- with .Values.autoscaling -}}
{{- if and .enabled (lt (int .maxReplicas) (int .minReplicas)) -}}
{{- fail "autoscaling: maxReplicas is below minReplicas." -}}
{{- end -}}
{{- end -}}
{{- end }}
