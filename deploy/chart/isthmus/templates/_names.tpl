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

{{/* The ConfigMap of the injection. */}}
{{- define "isthmus.injector" -}}
istio-sidecar-injector{{ include "isthmus.suffix" . }}
{{- end }}

{{/* What is not in a namespace carries the name of another one than Istio's. */}}
{{- define "isthmus.namespaceSuffix" -}}
{{- if ne .Release.Namespace "istio-system" }}-{{ .Release.Namespace }}{{ end -}}
{{- end }}

{{/* Names of the MutatingWebhookConfigurations: of the revision, and of each of its tags. */}}
{{- define "isthmus.webhookConfigurations" -}}
{{- $suffix := include "isthmus.namespaceSuffix" . -}}
- {{ include "isthmus.injector" . }}{{ $suffix }}
{{- range .Values.revisionTags }}
- istio-revision-tag-{{ . }}{{ $suffix }}
{{- end }}
{{- end }}

{{/* The ValidatingWebhookConfiguration. Its name always has the namespace, as Istio's. */}}
{{- define "isthmus.validator" -}}
istio-validator{{ include "isthmus.suffix" . }}-{{ .Release.Namespace }}
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
{{- $withGateways := dict -}}
{{- range .Values.gatewaySecrets -}}
{{- if hasKey $withGateways .namespace -}}
{{- fail (printf "gatewaySecrets: %s is there twice: give all names of a namespace together." .namespace) -}}
{{- end -}}
{{- $_ := set $withGateways .namespace true -}}
{{- end -}}
{{- if has (.Values.revision | default "default") .Values.revisionTags -}}
{{- fail (printf "revisionTags: %s is the revision itself: leave it out." (.Values.revision | default "default")) -}}
{{- end -}}
{{- with .Values.autoscaling -}}
{{- if and .enabled (lt (int .maxReplicas) (int .minReplicas)) -}}
{{- fail "autoscaling: maxReplicas is below minReplicas." -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/* What all webhooks have in common. In: `root`, and the `path` that is called. */}}
{{- define "isthmus.webhook" -}}
{{- with .root -}}
admissionReviewVersions: [v1, v1beta1]
sideEffects: None
failurePolicy: {{ .Values.injection.failurePolicy }}
timeoutSeconds: {{ .Values.injection.timeoutSeconds }}
rules:
  - { apiGroups: [''], apiVersions: [v1], resources: [pods], operations: [CREATE], scope: Namespaced }
clientConfig:
  service:
    name: {{ include "isthmus.istiod" . }}
    namespace: {{ .Release.Namespace }}
    port: 443
    path: {{ $.path }}
{{- end -}}
{{- end }}

{{/* What both validating webhooks have in common. */}}
{{- define "isthmus.validationWebhook" -}}
admissionReviewVersions: [v1, v1beta1]
sideEffects: None
failurePolicy: {{ .Values.validation.failurePolicy }}
timeoutSeconds: {{ .Values.validation.timeoutSeconds }}
rules:
  - apiGroups: [networking.istio.io, security.istio.io, telemetry.istio.io]
    apiVersions: ['*']
    resources: ['*']
    operations: [CREATE, UPDATE]
clientConfig:
  service:
    name: {{ include "isthmus.istiod" . }}
    namespace: {{ .Release.Namespace }}
    port: 443
    path: /validate
{{- end }}
