package jsonl_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/domain"
)

// one decodes a single line as a stream of its own.
func one(t *testing.T, line string) (domain.Event, *jsonl.MalformedError) {
	t.Helper()
	batch, err := jsonl.NewReader(strings.NewReader(line+"\n"), jsonl.Options{}).Next()
	var malformed *jsonl.MalformedError
	switch {
	case errors.As(err, &malformed):
		return domain.Event{}, malformed
	case err != nil:
		t.Fatalf("%.200q: %v", line, err)
	case len(batch) != 1 || batch[0].Fault != domain.Sound:
		t.Fatalf("%.200q: got %+v, want one event", line, batch)
	}
	return batch[0].Event, nil
}

// unknown is an event of an unknown type.
func unknown(extra string) domain.Event { return domain.NewUnknown(1, "x", extra) }

// runStarted is an event with labels, given as alternating keys and values.
func runStarted(parts ...string) domain.Event {
	var labels []domain.Label
	for i := 0; i < len(parts); i += 2 {
		labels = append(labels, domain.Label{Key: parts[i], Value: parts[i+1]})
	}
	made, err := domain.NewLabels(labels...)
	if err != nil {
		panic(err)
	}
	return domain.NewRunStarted(1, made)
}

var (
	jobStarted  = domain.NewJobStarted(1, "a")
	shStarted   = domain.NewShStarted(1, "a", "b")
	shFinished  = domain.NewShFinished(1, "a", 2)
	jobComplete = domain.NewJobFinished(1, "a", domain.Complete)
	succeeded   = domain.NewRunFinished(1, domain.Complete)
)

var soundLines = []struct {
	line string
	want domain.Event
}{
	// The wire.
	{`{"at_ms":1,"type":"job_started","job_id":"a"}`, jobStarted},
	{`{"at_ms":1,"type":"sh_started","job_id":"a","cmd":"b"}`, shStarted},
	{`{"at_ms":1,"type":"sh_finished","job_id":"a","exit_code":2}`, shFinished},
	{`{"at_ms":1,"type":"job_finished","job_id":"a","outcome":"complete"}`, jobComplete},
	{`{"at_ms":1,"type":"job_finished","job_id":"a","outcome":"succeeded"}`, jobComplete},
	{`{"at_ms":1,"type":"job_finished","job_id":"a","outcome":"failed"}`, domain.NewJobFinished(1, "a", domain.Failed)},
	{`{"at_ms":1,"type":"run_finished","outcome":"succeeded"}`, succeeded},
	{`{"at_ms":1,"type":"run_finished","outcome":"pipeline_failure"}`, domain.NewRunFinished(1, domain.Failed)},
	{`{"at_ms":1,"type":"job_started","job_id":""}`, domain.NewJobStarted(1, "")},
	{`{"at_ms":1,"type":"sh_started","job_id":"","cmd":""}`, domain.NewShStarted(1, "", "")},

	{`{"at_ms":1,"type":"run_started"}`, runStarted()},
	{`{"at_ms":1,"type":"run_started","labels":{}}`, runStarted()},
	{`{"at_ms":1,"type":"run_started","labels":{"ref":"refs/heads/main","repo":"work/foo.git"}}`,
		runStarted("ref", "refs/heads/main", "repo", "work/foo.git")},
	{`{"at_ms":1,"type":"run_started","labels":{"` + strings.Repeat("k", 64) + `":"` + strings.Repeat("v", 4096) + `"}}`,
		runStarted(strings.Repeat("k", 64), strings.Repeat("v", 4096))},

	// Any order, any JSON white space.
	{` { "labels" : { "b" : "2" ,	"\u0061" : "\n" } , "type" : "run_started" , "at_ms" : 1 , "job_id" : 7 , "x" : { "b" : 1 } } `,
		runStarted("a", "\n", "b", "2")},
	{`{"job_id":"a","type":"job_started","at_ms":1}`, jobStarted},
	{`{"cmd":"b","job_id":"a","at_ms":1,"type":"sh_started"}`, shStarted},
	{" \t\r{ \"at_ms\"\t:\r1 , \"type\" : \"job_started\",\t\"job_id\":\"a\"\r} \t ", jobStarted},
	{"{\"at_ms\":1,\"type\":\"job_started\",\"job_id\":\"a\"}\r", jobStarted},

	// Unknown members are ignored, however often and whatever they hold.
	{`{"at_ms":1,"type":"job_started","job_id":"a","host":"h","host":2}`, jobStarted},
	{`{"at_ms":1,"type":"job_started","job_id":"a","x":{"at_ms":"2","y":[{},[],null,true,false,-1.5e+3]}}`, jobStarted},
	{`{"at_ms":1,"type":"job_started","job_id":"a","x":{"d":1,"d":2}}`, jobStarted},
	{`{"at_ms":1,"x":true,"y":false,"z":null,"v":"","w":-0,"type":"job_started","job_id":"a"}`, jobStarted},
	{`{"":0,"at_ms":1,"type":"job_started","job_id":"a"}`, jobStarted},
	{`{"AT_MS":"no","Type":0,"JOB_ID":{},"at_ms ":[],"at_ms":1,"type":"job_started","job_id":"a"}`, jobStarted},
	{`{"at_ms":1,"type":"job_started","job_id":"a","x":1e999999}`, jobStarted},
	{`{"at_ms":1,"type":"job_started","job_id":"a","x":` + strings.Repeat("[", 9999) + strings.Repeat("]", 9999) + `}`, jobStarted},

	// Known members that the event does not need are not looked at.
	{`{"at_ms":1,"type":"job_started","job_id":"a","cmd":5,"exit_code":"no","outcome":[]}`, jobStarted},
	{`{"at_ms":1,"type":"job_started","job_id":"a","exit_code":99999999999}`, jobStarted},
	{`{"at_ms":1,"type":"sh_started","job_id":"a","cmd":"b","outcome":"no such"}`, shStarted},
	{`{"at_ms":1,"type":"run_finished","outcome":"succeeded","job_id":null}`, succeeded},
	{`{"at_ms":1,"type":"run_finished","outcome":"succeeded","job_id":"a"}`, succeeded},
	{`{"at_ms":1,"type":"job_started","job_id":"a","labels":{"":1,"":2}}`, jobStarted},
	{`{"at_ms":1,"type":"job_started","job_id":"a","labels":null}`, jobStarted},

	// Escapes.
	{`{"at_ms":1,"type":"sh_started","job_id":"a","cmd":"\"\\\/\b\f\n\r\t"}`, domain.NewShStarted(1, "a", "\"\\/\b\f\n\r\t")},
	{`{"at_ms":1,"type":"sh_started","job_id":"a","cmd":"\u0000\u001F\u00e9\u65E5\uFFFF"}`, domain.NewShStarted(1, "a", "\x00\x1fé日\uffff")},
	{`{"at_ms":1,"type":"sh_started","job_id":"a","cmd":"\ud83d\ude00\uD83D\uDE00\udbff\udfff"}`, domain.NewShStarted(1, "a", "😀😀\U0010ffff")},
	{`{"at_ms":1,"type":"sh_started","job_id":"\u0061","cmd":"\u0062"}`, shStarted},
	{`{"at\u005fms":1,"type":"\u006aob_started","j\u006fb_id":"a"}`, jobStarted},
	{`{"at_ms":1,"type":"job_finished","job_id":"a","outcome":"c\u006fmplete"}`, jobComplete},
	{`{"at_ms":1,"type":"run_finished","outcome":"succee\u0064ed"}`, succeeded},

	// What needs no escape.
	{"{\"at_ms\":1,\"type\":\"sh_started\",\"job_id\":\"a\",\"cmd\":\"\x7f<>&/'\u0080\u2028\u2029\ufeff\ufffd\ufffe\U0010ffff\"}", domain.NewShStarted(1, "a", "\x7f<>&/'\u0080\u2028\u2029\ufeff\ufffd\ufffe\U0010ffff")},

	// Integers, up to what they may be.
	{`{"at_ms":0,"type":"job_started","job_id":"a"}`, domain.NewJobStarted(0, "a")},
	{`{"at_ms":-0,"type":"job_started","job_id":"a"}`, domain.NewJobStarted(0, "a")},
	{`{"at_ms":-1,"type":"job_started","job_id":"a"}`, domain.NewJobStarted(-1, "a")},
	{`{"at_ms":12345678,"type":"job_started","job_id":"a"}`, domain.NewJobStarted(12345678, "a")},
	{`{"at_ms":-123456789012345,"type":"job_started","job_id":"a"}`, domain.NewJobStarted(-123456789012345, "a")},
	{`{"at_ms":1234567890123456,"type":"job_started","job_id":"a"}`, domain.NewJobStarted(1234567890123456, "a")},
	{`{"at_ms":9223372036854775807,"type":"job_started","job_id":"a"}`, domain.NewJobStarted(9223372036854775807, "a")},
	{`{"at_ms":-9223372036854775808,"type":"job_started","job_id":"a"}`, domain.NewJobStarted(-9223372036854775808, "a")},
	{`{"at_ms":1,"type":"sh_finished","job_id":"a","exit_code":-0}`, domain.NewShFinished(1, "a", 0)},
	{`{"at_ms":1,"type":"sh_finished","job_id":"a","exit_code":2147483647}`, domain.NewShFinished(1, "a", 2147483647)},
	{`{"at_ms":1,"type":"sh_finished","job_id":"a","exit_code":-2147483648}`, domain.NewShFinished(1, "a", -2147483648)},

	// Unknown types. Extra keeps the other members, sorted and without white space.
	{`{"at_ms":1,"type":"x"}`, unknown("")},
	{`{"at_ms":1,"type":""}`, domain.NewUnknown(1, "", "")},
	{`{"at_ms":1,"type":"unknown"}`, domain.NewUnknown(1, "unknown", "")},
	{`{"at_ms":1,"type":"Job_started","job_id":"a"}`, domain.NewUnknown(1, "Job_started", "").InJob("a")},
	{`{"at_ms":1,"type":"x","job_id":""}`, unknown("").InJob("")},
	{`{"at_ms":1,"type":"x","job_id":"\u0061"}`, unknown("").InJob("a")},
	{`{"at_ms":1,"type":"x","job_id":null}`, unknown(`{"job_id":null}`)},
	{`{"at_ms":1,"type":"x","job_id": 7 }`, unknown(`{"job_id":7}`)},
	{`{"z":1.50,"at_ms":1,"b":[ 1, {"c" : null} ],"type":"x","a":"\u00e9\/"}`, unknown(`{"a":"\u00e9\/","b":[1,{"c":null}],"z":1.50}`)},
	{`{"at_ms":1,"type":"x","cmd":3,"exit_code":"e","outcome":"o"}`, unknown(`{"cmd":3,"exit_code":"e","outcome":"o"}`)},
	{`{"at_ms":1,"type":"x","labels":{"":1}}`, unknown(`{"labels":{"":1}}`)},
	{`{"at_ms":1,"type":"x","a":1,"\u0061":2}`, unknown(`{"a":2}`)},
	{`{"at_ms":1,"type":"x","a":{"d":1,"d":2}}`, unknown(`{"a":{"d":1,"d":2}}`)},
	{`{"at_ms":1,"type":"x","\n\"":1,"":2}`, unknown(`{"":2,"\n\"":1}`)},
}

func TestSoundLines(t *testing.T) {
	for _, test := range soundLines {
		if got, err := one(t, test.line); err != nil || got != test.want {
			t.Errorf("%.200s\n got %+v, %v\nwant %+v", test.line, got, err, test.want)
		}
	}
}
