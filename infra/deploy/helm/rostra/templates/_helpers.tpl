{{- define "rostra.name" -}}
{{- if contains "rostra" .Release.Name }}{{ .Release.Name | trunc 40 | trimSuffix "-" }}{{ else }}{{ printf "%s-rostra" .Release.Name | trunc 40 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "rostra.selector" -}}
app.kubernetes.io/name: rostra
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "rostra.labels" -}}
{{ include "rostra.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end }}

{{- define "rostra.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{/* Hosts of the primary, and of the standbys before the primary. */}}
{{- define "rostra.hosts" -}}
{{- if .Values.database.cluster.enabled }}{{ include "rostra.name" . }}-db-rw
{{- else }}{{ required "database.hosts: name your servers, or set database.cluster.enabled" .Values.database.hosts }}{{ end }}
{{- end }}

{{- define "rostra.readHosts" -}}
{{- if .Values.database.cluster.enabled }}{{ include "rostra.name" . }}-db-standbys,{{ include "rostra.name" . }}-db-rw
{{- else }}{{ required "database.readHosts: name your standbys, then the primary" .Values.database.readHosts }}{{ end }}
{{- end }}

{{/* URL without a password, which is in PGPASSWORD. */}}
{{- define "rostra.url" -}}
postgresql://{{ .user }}@{{ .hosts }}/{{ .root.Values.database.name }}?target_session_attrs={{ .attributes }}
{{- with .root.Values.database.parameters }}&{{ . }}{{ end }}
{{- end }}

{{- define "rostra.env" -}}
- name: ROSTRA_DATABASE_URL
  value: {{ include "rostra.url" (dict "root" .root "user" .root.Values.database.user "hosts" (include "rostra.hosts" .root) "attributes" "primary") | quote }}
- name: PGPASSWORD
  valueFrom: { secretKeyRef: { name: {{ .root.Values.database.secretName }}, key: password } }
- name: ROSTRA_MASTER_KEY
  valueFrom: { secretKeyRef: { name: {{ .root.Values.secretName }}, key: ROSTRA_MASTER_KEY } }
- name: ROSTRA_SECRET
  valueFrom: { secretKeyRef: { name: {{ .root.Values.secretName }}, key: ROSTRA_SECRET } }
- name: ROSTRA_SECRET_PREVIOUS
  valueFrom: { secretKeyRef: { name: {{ .root.Values.secretName }}, key: ROSTRA_SECRET_PREVIOUS, optional: true } }
- name: ROSTRA_FAILOVER
  value: {{ .root.Values.database.failover }}
{{- if .root.Values.notify.enabled }}
- name: ROSTRA_MAIL_FROM
  value: {{ .root.Values.notify.mailFrom | quote }}
{{- end }}
- name: ROSTRA_BASE_URL
  value: {{ .root.Values.baseUrl | quote }}
{{- if .serves }}
- name: ROSTRA_METRICS_PORT
  value: "9100"
- name: ROSTRA_PROXY
  value: {{ join " " .root.Values.trustedProxies | quote }}
{{- end }}
{{- range $name, $value := merge (dict) (.settings | default dict) .root.Values.settings }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- end }}

{{/* What every pod has. Kubernetes' variables of services would set ROSTRA_PORT: no links. */}}
{{- define "rostra.pod" -}}
serviceAccountName: {{ include "rostra.name" .root }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets: {{ toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: {{ .uid | default 10001 }}
  runAsGroup: {{ .uid | default 10001 }}
  fsGroup: {{ .uid | default 10001 }}
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: { type: RuntimeDefault }
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector: { matchLabels: {{ include "rostra.selector" . | fromYaml | toJson }} }
{{- with .root.Values.nodeSelector }}
nodeSelector: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.tolerations }}
tolerations: {{ toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "rostra.container" -}}
image: {{ include "rostra.image" .root }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
securityContext: {{ include "rostra.unprivileged" . | nindent 2 }}
resources: {{ toYaml .resources | nindent 2 }}
volumeMounts:
  - { name: tmp, mountPath: /tmp }
  - { name: data, mountPath: /data }
{{- end }}

{{- define "rostra.unprivileged" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end }}

{{/* A pod that leaves its service's addresses before it stops has no request refused. */}}
{{- define "rostra.serving" -}}
ports:
  - { name: http, containerPort: 8080 }
  - { name: metrics, containerPort: 9100 }
startupProbe:
  httpGet: { path: /healthz, port: http }
  periodSeconds: 5
  failureThreshold: 360
livenessProbe:
  httpGet: { path: /healthz, port: http }
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet: { path: /readyz, port: http }
  periodSeconds: 3
  timeoutSeconds: 3
  failureThreshold: 2
lifecycle:
  preStop: { exec: { command: [sleep, "5"] } }
{{- end }}

{{/* A process that serves no requests. */}}
{{- define "rostra.working" -}}
ports:
  - { name: metrics, containerPort: 9100 }
startupProbe:
  httpGet: { path: /healthz, port: metrics }
  periodSeconds: 5
  failureThreshold: 360
livenessProbe:
  httpGet: { path: /healthz, port: metrics }
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
{{- end }}

{{- define "rostra.annotations" -}}
{{- with .Values.podAnnotations }}
annotations: {{ toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "rostra.cluster" }}
instances: {{ .Values.database.cluster.instances }}
imageName: {{ .Values.database.cluster.imageName }}
bootstrap:
  initdb:
    database: {{ .Values.database.name }}
    owner: {{ .Values.database.ownerUser }}
    encoding: UTF8
managed:
  roles:
    - name: {{ .Values.database.user }}
      ensure: present
      login: true
      passwordSecret: { name: {{ .Values.database.secretName }} }
postgresql:
  {{- if gt (int .Values.database.cluster.instances) 1 }}
  synchronous:
    method: any
    number: 1
    dataDurability: {{ ternary "required" "preferred" (eq .Values.database.failover "lossless") }}
    failoverQuorum: {{ eq .Values.database.failover "lossless" }}
  {{- end }}
  parameters: {{ toYaml .Values.database.cluster.parameters | nindent 4 }}
storage: {{ toYaml .Values.database.cluster.storage | nindent 2 }}
resources: {{ toYaml .Values.database.cluster.resources | nindent 2 }}
affinity:
  enablePodAntiAffinity: true
  topologyKey: kubernetes.io/hostname
  podAntiAffinityType: preferred
{{- end }}

{{- define "rostra.init" }}
restartPolicy: OnFailure
{{ include "rostra.pod" (dict "root" .root "component" "init") }}
containers:
  - name: init
    args: [init, --serving-role, {{ .root.Values.database.user | quote }}]
    env:
      - name: ROSTRA_OWNER_URL
        value: {{ include "rostra.url" (dict "root" .root "user" .root.Values.database.ownerUser "hosts" (include "rostra.hosts" .root) "attributes" "primary") | quote }}
      - name: PGPASSWORD
        valueFrom: { secretKeyRef: { name: {{ .owner }}, key: password } }
      {{- range $name, $value := .root.Values.settings }}
      - name: {{ $name }}
        value: {{ $value | quote }}
      {{- end }}
    {{- include "rostra.container" (dict "root" .root "resources" .root.Values.notify.resources) | nindent 4 }}
volumes:
  - { name: tmp, emptyDir: {} }
  - { name: data, emptyDir: {} }
{{- end }}
