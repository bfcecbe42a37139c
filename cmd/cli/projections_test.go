package cli

import (
	"bytes"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/cmd/internal/command"
	"github.com/quire-ci/quire-project/projections"
)

// mark is a row of an added projection.
type mark struct {
	Line int64                     `json:"line" min:"1" doc:"The line."`
	Text projections.Null[string]  `json:"text"`
	Over projections.Null[bool]    `json:"over"`
	Code projections.Null[int32]   `json:"code"`
	Mood projections.Null[anyMood] `json:"mood"`
}

type anyMood string

func (anyMood) Values() []string { return []string{"good", "bad"} }

type marks struct{}

func (marks) Reduce(_ *projections.Step, rows []projections.Row[mark]) []projections.Row[mark] {
	return rows
}
func (marks) Open(run *projections.Tracker, rows []projections.Row[mark]) []projections.Row[mark] {
	return append(rows, projections.Row[mark]{Value: mark{Line: run.Events}})
}

// withMarks runs the program with an added projection.
func withMarks(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	status = Run(t.Context(), args, &out, &errs, projections.Define(projections.Declaration[mark]{
		Name: "marks", Version: 7, Key: []string{"line"}, Doc: "Marks.",
		New: func() projections.Projection[mark] { return marks{} },
	}))
	return status, out.String(), errs.String()
}

// An added projection is known everywhere a built-in one is.
func TestAddedProjection(t *testing.T) {
	const stream = "../../fixtures/rapid-ci.jsonl"
	for _, test := range []struct {
		args   []string
		status int
		want   string
	}{
		{[]string{"projections"}, 0, "\nmarks                     7   added      line*, text, over, code, mood\n"},
		{[]string{stream}, 0, `],"marks":[{"line":26,"text":null,"over":null,"code":null,"mood":null}]}` + "\n"},
		{[]string{stream, "--projection", "marks"}, 0, `{"schema":"quire-project/v1","marks":[{"line":26,`},
		{[]string{stream, "--to", "csv", "--projection", "marks"}, 0, "run_id,line,text,over,code,mood\nrapid-ci,26,,,,\n"},
		{[]string{stream, "--to", "table"}, 0, "\n\nmarks\nLINE   TEXT   OVER   CODE   MOOD\n  26   –      –         –   –\n"},
		{[]string{stream, "--to", "markdown"}, 0, "\nmarks\n\n| line | text | over | code | mood |\n"},
		{[]string{stream, "--projection", "mark"}, command.StatusUsage, "timings, diagnostics, marks; did you mean marks?\n"},
		{[]string{stream, "marks"}, command.StatusUsage, "marks is a projection; write quire-project " + stream + " --projection marks\n"},
		{[]string{"__complete", stream, "--projection", "jobs,m"}, 0, "jobs,marks\n"},
		{[]string{"--help"}, 0, "timings, diagnostics, marks,\n"},
		{[]string{"schema", "row"}, 0, `"const": "marks"`},
	} {
		status, out, errs := withMarks(t, test.args...)
		if status != test.status || !strings.Contains(out+errs, test.want) {
			t.Errorf("%v ends with %d, and prints\n%s%s", test.args, status, out, errs)
		}
	}
	schema, err := jsonschema.NewCompiler().Compile("../../docs/schema/projections.json")
	require.NoError(t, err)
	_, out, _ := withMarks(t, "projections", "--to", "json")
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(out))
	if err != nil || schema.Validate(value) != nil ||
		!strings.Contains(out, `{"name":"marks","version":7,"origin":"added","doc":"Marks.","columns":[{"name":"line","type":"integer","bits":64,"nullable":false,"key":true,"doc":"The line."}`) {
		t.Error(out)
	}
}
