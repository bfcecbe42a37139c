package otlp

// SchemaURL names the version of the semantic conventions that spans follow:
// https://github.com/open-telemetry/semantic-conventions/blob/v1.43.0/docs/cicd/cicd-spans.md
const SchemaURL = "https://opentelemetry.io/schemas/1.43.0"

// scope is the instrumentation scope of the spans, and service their service.name.
const (
	scope   = "github.com/quire-ci/quire-project"
	service = "quire-ci"
)

// action is the kind of a run, a value of cicd.pipeline.action.name.
const action = "RUN"

// Attributes of the semantic conventions.
const (
	attrServiceName  = "service.name"
	attrPipelineName = "cicd.pipeline.name"
	attrRunID        = "cicd.pipeline.run.id"
	attrRunURL       = "cicd.pipeline.run.url.full"
	attrResult       = "cicd.pipeline.result"
	attrTaskName     = "cicd.pipeline.task.name"
	attrTaskID       = "cicd.pipeline.task.run.id"
	attrTaskResult   = "cicd.pipeline.task.run.result"
	attrTaskURL      = "cicd.pipeline.task.run.url.full"
	attrErrorType    = "error.type"
	attrCommand      = "process.command_line"
	attrExitCode     = "process.exit.code"
	attrRepoURL      = "vcs.repository.url.full"
	attrRepoName     = "vcs.repository.name"
	attrRefName      = "vcs.ref.head.name"
	attrRefRevision  = "vcs.ref.head.revision"
	attrRefType      = "vcs.ref.type"
)

// Attributes that the semantic conventions do not define.
const (
	attrJob        = "quire.job_id"
	attrSeq        = "quire.seq"
	attrLabel      = "quire.label." // followed by the label's key
	attrIncomplete = "quire.incomplete"
	attrUnknown    = "quire.duration_unknown"
	attrStartedMs  = "quire.started_at_ms"
	attrFinishedMs = "quire.finished_at_ms"
)
