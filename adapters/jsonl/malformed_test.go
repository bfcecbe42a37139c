package jsonl_test

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/jsonl"
)

// The reasons why the lines below are malformed.
const (
	ends       = "the line ends inside the JSON object"
	notObject  = "not a JSON object"
	notJSON    = "not valid JSON"
	tooDeep    = "not valid JSON, or nested too deeply"
	control    = "a control character where none may be"
	notUTF8    = "not valid UTF-8"
	badEscape  = "an escape that is not valid, or half of a surrogate pair"
	behind     = "something stands behind the JSON object"
	notInteger = "an integer is needed here, without fraction or exponent"
	notInt64   = "the integer is not between -9223372036854775808 and 9223372036854775807"
	notInt32   = "the integer is not between -2147483648 and 2147483647"
	noJobEnd   = `a job's outcome is "complete" or "failed"`
	labelKey   = "a label's key has 1 to 64 bytes"
	labelTwice = "a label's key is given twice"
	noRunEnd   = `a run's outcome is "succeeded" or "pipeline_failure"`
)

func twice(key string) string       { return key + " is given twice" }
func missing(key string) string     { return key + " is missing" }
func needInteger(not string) string { return "an integer is needed here, not " + not }
func needObject(not string) string  { return "an object is needed here, not " + not }
func needString(not string) string  { return "a string is needed here, not " + not }

// manyLabels are n members of an object, by key.
func manyLabels(n int) string {
	var all strings.Builder
	for i := range n {
		fmt.Fprintf(&all, `,"k%02d":"v"`, i)
	}
	return all.String()[1:]
}

// A § marks the byte at fault. It is not part of the line.
var malformedLines = []struct {
	line   string
	reason string
}{
	// Not one JSON object.
	{`§hello`, notJSON},
	{`n§onsense`, notJSON},
	{`§1`, notObject},
	{`  §-1.5`, notObject},
	{`§null`, notObject},
	{`§"{}"`, notObject},
	{` §[{"at_ms":1,"type":"x"}]`, notObject},
	{`§}`, notJSON},
	{`{§`, ends},
	{`{"at_ms":1,"type":"x"§`, ends},
	{`{"at_ms":1,"type":"x§`, ends},
	{`{"at_ms":1,"type":"x\§`, ends},
	{`{"at_ms":1,"type":"\ud83d\u§`, ends},
	{`{"at_ms":1,"type":"x","y":tr§`, ends},
	{"{\"at_ms\":1,\"type\":\"x\"§\r", ends},
	{"{\"at_ms\":1,\"type\":\"x§\r", ends},
	{"{\"at_ms\":1,\"type\":\"x§\r\r", control},
	{`{"at_ms":1,"type":"x"§]`, notJSON},
	{`{"at_ms":1,"type":"job_started","job_id":"a"§]`, notJSON},
	{`{"at_ms":1 §"type":"x"}`, notJSON},
	{`{"at_ms" §1,"type":"x"}`, notJSON},
	{`{"at_ms":§,"type":"x"}`, notJSON},
	{`{§,"at_ms":1,"type":"x"}`, notJSON},
	{`{"at_ms":1,"type":"x"§,}`, notJSON},
	{`{§at_ms:1,"type":"x"}`, notJSON},
	{`{§'at_ms':1,"type":"x"}`, notJSON},
	{`{§1:1}`, notJSON},
	{`{"at_ms":1,"type":"x","y":[1§}}`, notJSON},
	{`{"at_ms":1,"type":"x","y":tru§y}`, notJSON},
	{`{"at_ms":1,"type":"x","y":§NaN}`, notJSON},
	{`{"at_ms":1,"type":"x"} §{"at_ms":1,"type":"x"}`, behind},
	{`{"at_ms":1,"type":"job_started","job_id":"a"}§{"at_ms":1,"type":"job_started","job_id":"a"}`, behind},
	{`{"at_ms":1,"type":"job_started","job_id":"a"}§,`, behind},
	{"{\"at_ms\":1,\"type\":\"job_started\",\"job_id\":\"a\"}§\x00", behind},
	{"{\"at_ms\":1,\"type\":\"job_started\",\"job_id\":\"a\"}§\u00a0", behind},
	{`{"at_ms":1,"type":"job_started","job_id":"a"} §// said`, behind},
	{"{\"at_ms\":1,§\u00a0\"type\":\"x\"}", notJSON},
	{"{\"at_ms\":1,§\v\"type\":\"x\"}", control},
	{`{"at_ms":1,"type":"x","y":` + strings.Repeat("[", 9999) + `§[` + strings.Repeat("]", 10000) + `}`, tooDeep},

	// A key given twice, on any event and in any spelling.
	{`{"at_ms":1,"type":"job_started","job_id":"a",§"at_ms":1}`, twice("at_ms")},
	{`{"at_ms":1,"type":"job_started","job_id":"a",§"type":"job_started"}`, twice("type")},
	{`{"at_ms":1,"type":"job_started","job_id":"a", §"job_id":"a"}`, twice("job_id")},
	{`{"at_ms":1,"type":"job_started","cmd":"b",§"cmd":"b","job_id":"a"}`, twice("cmd")},
	{`{"at_ms":1,"type":"sh_started","job_id":"a","cmd":"b","exit_code":{},§"exit_code":null}`, twice("exit_code")},
	{`{"at_ms":1,"type":"sh_finished","job_id":"a","outcome":1,"exit_code":2,§"outcome":1}`, twice("outcome")},
	{`{"at_ms":1,"type":"job_finished","job_id":"a","outcome":"complete","cmd":"b",§"cmd":"b"}`, twice("cmd")},
	{`{"at_ms":1,"type":"run_finished","outcome":"succeeded","job_id":"a",§"job_id":"b"}`, twice("job_id")},
	{`{"at_ms":1,"type":"x","cmd":1,§"cmd":1}`, twice("cmd")},
	{`{"at_ms":1,"type":"job_started","job_id":"a",§"at\u005fms":1}`, twice("at_ms")},
	{`{"\u0063md":1,"at_ms":1,"type":"job_started","job_id":"a",§"c\u006Dd":1}`, twice("cmd")},

	{`{"at_ms":1,"type":"run_started","labels":{},§"labels":{}}`, twice("labels")},
	{`{"at_ms":1,"type":"job_started","job_id":"a","labels":1,§"labels":{}}`, twice("labels")},
	{`{"at_ms":1,"type":"x","labels":1,§"l\u0061bels":1}`, twice("labels")},

	// Labels that a run cannot have.
	{`{"at_ms":1,"type":"run_started","labels":§null}`, needObject("null")},
	{`{"at_ms":1,"type":"run_started","labels":§[]}`, needObject("an array")},
	{`{"at_ms":1,"type":"run_started","labels":§"ref"}`, needObject("a string")},
	{`{"at_ms":1,"type":"run_started","labels":{"ref":§null}}`, needString("null")},
	{`{"at_ms":1,"type":"run_started","labels":{"a":"","ref":§1}}`, needString("a number")},
	{`{"at_ms":1,"type":"run_started","labels": { "ref" : §{"a":"b"} }}`, needString("an object")},
	{`{"labels":{"ref":"a","z":"",§"r\u0065f":"a"},"type":"run_started","at_ms":1}`, labelTwice},
	{`{"at_ms":1,"type":"run_started","labels":{§"":"a"}}`, labelKey},
	{`{"at_ms":1,"type":"run_started","labels":{§"` + strings.Repeat("k", 65) + `":"a"}}`, labelKey},
	{`{"at_ms":1,"type":"run_started","labels":{§"` + strings.Repeat("é", 33) + `":"a"}}`, labelKey},
	{`{"at_ms":1,"type":"run_started","labels":{"a":§"` + strings.Repeat("v", 4097) + `"}}`, "a label's value has at most 4096 bytes"},
	{`{"at_ms":1,"type":"run_started","labels":{` + manyLabels(64) + `,§"z":""}}`, "a run has at most 64 labels"},
	{`{"at_ms":§null,"type":"run_started","labels":null}`, needInteger("null")},
	{`§{"type":"run_started","labels":{"a":"b"}}`, missing("at_ms")},

	// A needed key that is missing, null or of another type.
	{`§{}`, missing("at_ms")},
	{`§{"type":"x"}`, missing("at_ms")},
	{`§{"at_ms":1}`, missing("type")},
	{`§{"AT_MS":1,"type":"x"}`, missing("at_ms")},
	{`§{"at_ms":1,"type":"job_started"}`, missing("job_id")},
	{`§{"at_ms":1,"type":"job_finished","outcome":"failed"}`, missing("job_id")},
	{`§{"at_ms":1,"type":"job_finished","job_id":"a"}`, missing("outcome")},
	{`§{"at_ms":1,"type":"sh_started","job_id":"a"}`, missing("cmd")},
	{`§{"at_ms":1,"type":"sh_started","cmd":"b"}`, missing("job_id")},
	{`§{"at_ms":1,"type":"sh_finished","job_id":"a"}`, missing("exit_code")},
	{`§{"at_ms":1,"type":"sh_finished","exit_code":2}`, missing("job_id")},
	{`§{"at_ms":1,"type":"run_finished"}`, missing("outcome")},
	{`{"at_ms":§null,"type":"x"}`, needInteger("null")},
	{`{"at_ms":§"1","type":"x"}`, needInteger("a string")},
	{`{"at_ms":§true,"type":"x"}`, needInteger("true or false")},
	{`{"at_ms": §[1],"type":"x"}`, needInteger("an array")},
	{`{"at_ms":1,"type":§null}`, needString("null")},
	{`{"at_ms":1,"type":§7}`, needString("a number")},
	{`{"at_ms":1,"type":§{},"job_id":"a"}`, needString("an object")},
	{`{"at_ms":1,"type":"job_started","job_id":§null}`, needString("null")},
	{`{"at_ms":1,"type":"job_started","job_id":§7}`, needString("a number")},
	{`{"at_ms":1,"type":"sh_started","job_id":"a","cmd":§["b"]}`, needString("an array")},
	{`{"at_ms":1,"type":"sh_started","job_id":"a","cmd":§false}`, needString("true or false")},
	{`{"at_ms":1,"type":"sh_finished","job_id":"a","exit_code":§"2"}`, needInteger("a string")},
	{`{"at_ms":1,"type":"sh_finished","job_id":"a","exit_code":§null}`, needInteger("null")},
	{`{"at_ms":1,"type":"job_finished","job_id":"a","outcome":§null}`, needString("null")},
	{`{"at_ms":1,"type":"run_finished","outcome":§1}`, needString("a number")},
	// Of several faults, the first one on the line is reported; a missing member comes last.
	{`{"type":"job_started","job_id":§1,"at_ms":"1"}`, needString("a number")},
	{`{"type":"sh_started","at_ms":§"1"}`, needInteger("a string")},

	// Numbers that are no integer of their size.
	{`{"at_ms":§1.0,"type":"x"}`, notInteger},
	{`{"at_ms":§1e3,"type":"x"}`, notInteger},
	{`{"at_ms":§1E0,"type":"job_started","job_id":"a"}`, notInteger},
	{`{"at_ms":§9223372036854775808,"type":"x"}`, notInt64},
	{`{"at_ms":§-9223372036854775809,"type":"x"}`, notInt64},
	{`{"at_ms":§99999999999999999999999,"type":"job_started","job_id":"a"}`, notInt64},
	{`{"at_ms":0§1,"type":"job_started","job_id":"a"}`, notJSON},
	{`{"at_ms":0§0000001,"type":"job_started","job_id":"a"}`, notJSON},
	{`{"at_ms":-0§1,"type":"x"}`, notJSON},
	{`{"at_ms":§+1,"type":"x"}`, notJSON},
	{`{"at_ms":-§,"type":"x"}`, notJSON},
	{`{"at_ms":1.§,"type":"x"}`, notJSON},
	{`{"at_ms":§.5,"type":"x"}`, notJSON},
	{`{"at_ms":0§x10,"type":"x"}`, notJSON},
	{`{"at_ms":1§_000,"type":"x"}`, notJSON},
	{`{"at_ms":1,"type":"sh_finished","job_id":"a","exit_code":§0.0}`, notInteger},
	{`{"at_ms":1,"type":"sh_finished","job_id":"a","exit_code":§2147483648}`, notInt32},
	{`{"at_ms":1,"type":"sh_finished","job_id":"a","exit_code":§-2147483649}`, notInt32},
	{`{"at_ms":1,"type":"sh_finished","job_id":"a","exit_code":§4294967296}`, notInt32},
	{`{"at_ms":1,"type":"sh_finished","job_id":"a","exit_code":§18446744073709551616}`, notInt32},

	// Outcomes that are not those of the event.
	{`{"at_ms":1,"type":"job_finished","job_id":"a","outcome":§"pipeline_failure"}`, noJobEnd},
	{`{"at_ms":1,"type":"job_finished","job_id":"a","outcome":§""}`, noJobEnd},
	{`{"at_ms":1,"type":"job_finished","job_id":"a","outcome":§"Complete"}`, noJobEnd},
	{`{"at_ms":1,"type":"job_finished","job_id":"a","outcome":§"complete "}`, noJobEnd},
	{`{"at_ms":1,"type":"run_finished","outcome":§"complete"}`, noRunEnd},
	{`{"at_ms":1,"type":"run_finished","outcome":§"failed"}`, noRunEnd},
	{`{"at_ms":1,"type":"run_finished","outcome":§"cancelled"}`, noRunEnd},

	// Strings that are none.
	{"{\"at_ms\":1,\"type\":\"sh_started\",\"job_id\":\"a\",\"cmd\":\"b§\x00\"}", control},
	{"{\"at_ms\":1,\"type\":\"sh_started\",\"job_id\":\"a\",\"cmd\":\"b§\tc\"}", control},
	{"{\"at_ms\":1,\"type\":\"sh_started\",\"job_id\":\"a\",\"cmd\":\"\\n§\rc\"}", control},
	{"{\"at_ms\":1,\"type\":\"job_started\",\"job_id\":\"§\x1f\"}", control},
	{"{\"at_ms\":1,\"type\":\"job_started\",\"job_id\":\"a\",\"x§\x01\":1}", control},
	{"{\"at_ms\":1,\"type\":\"job_started\",\"job_id\":\"a\",\"x\":[\"§\x1b[0m\"]}", control},
	{`{"at_ms":1,"type":"sh_started","job_id":"a","cmd":"§\x41"}`, badEscape},
	{`{"at_ms":1,"type":"sh_started","job_id":"a","cmd":"§\'"}`, badEscape},
	{`{"at_ms":1,"type":"sh_started","job_id":"a","cmd":"§\U0041"}`, badEscape},
	{`{"at_ms":1,"type":"sh_started","job_id":"a","cmd":"§\u004"}`, badEscape},
	{`{"at_ms":1,"type":"sh_started","job_id":"a","cmd":"§\u00g1"}`, badEscape},
	{`{"at_ms":1,"type":"sh_started","job_id":"a","cmd":"b§\ud800"}`, badEscape},
	{`{"at_ms":1,"type":"sh_started","job_id":"a","cmd":"§\ud83dx"}`, badEscape},
	{`{"at_ms":1,"type":"sh_started","job_id":"a","cmd":"§\ud83d\n"}`, badEscape},
	{`{"at_ms":1,"type":"sh_started","job_id":"a","cmd":"§\ud83d\ud83d\ude00"}`, badEscape},
	{`{"at_ms":1,"type":"sh_started","job_id":"a","cmd":"§\ude00\ud83d"}`, badEscape},
	{`{"at_ms":1,"type":"sh_started","job_id":"a","cmd":"§\ude00\ude00"}`, badEscape},
	{`{"at_ms":1,"type":"job_started","job_id":"a","x":"§\udc00"}`, badEscape},
	{`{"at_ms":1,"type":"job_started","job_id":"a","§\ud800":1}`, badEscape},
	{`{"at_ms":1,"type":"job_started","job_id":"a","x":{"§\ud800":1}}`, badEscape},
	{"{\"at_ms\":1,\"type\":\"sh_started\",\"job_id\":\"a\",\"cmd\":\"b§\xff\"}", notUTF8},
	{"{\"at_ms\":1,\"type\":\"sh_started\",\"job_id\":\"a\",\"cmd\":\"\\n§\xc3(\"}", notUTF8},
	{"{\"at_ms\":1,\"type\":\"sh_started\",\"job_id\":\"a\",\"cmd\":\"é§\xc0\xaf\"}", notUTF8},
	{"{\"at_ms\":1,\"type\":\"sh_started\",\"job_id\":\"a\",\"cmd\":\"§\xed\xa0\xbd\xed\xb8\x80\"}", notUTF8},
	{"{\"at_ms\":1,\"type\":\"sh_started\",\"job_id\":\"a\",\"cmd\":\"§\xf4\x90\x80\x80\"}", notUTF8},
	{"{\"at_ms\":1,\"type\":\"sh_started\",\"job_id\":\"a\",\"cmd\":\"§\xe6\x97\"}", notUTF8},
	{"{\"at_ms\":1,\"type\":\"sh_started\",\"job_id\":\"a\",\"cmd\":\"§\xe6\x97\\u0080\"}", notUTF8},
	{"{\"at_ms\":1,\"type\":\"job_started\",\"job_id\":\"§\x80\"}", notUTF8},
	{"{\"at_ms\":1,\"type\":\"§\xff\"}", notUTF8},
	{"{\"at_ms\":1,\"type\":\"job_started\",\"job_id\":\"a\",\"x\":\"§\xff\"}", notUTF8},
	{"{\"at_ms\":1,\"type\":\"job_started\",\"job_id\":\"a\",\"x§\xff\":1}", notUTF8},
	{"{\"at_ms\":1,\"type\":\"job_started\",\"job_id\":\"a\",\"x\":{\"y\":\"§\xff\"}}", notUTF8},
	{"{\"at_ms\":1,\"type\":\"job_started\",\"job_id\":\"a\",\"cmd\":\"§\xff\"}", notUTF8},
	{"{\"at_ms\":1,§\xff\"type\":\"x\"}", notUTF8},
}

func TestMalformedLines(t *testing.T) {
	for _, test := range malformedLines {
		before, after, marked := strings.Cut(test.line, "§")
		require.True(t, marked, "%.200q has no mark", test.line)
		event, err := one(t, before+after)
		if err == nil {
			t.Errorf("%.200q\n got %+v, want %q", test.line, event, test.reason)
			continue
		}
		assert.Equal(t, int64(len(before))+1, err.Column, "%.200q", test.line)
		assert.Equal(t, test.reason, err.Reason, "%.200q", test.line)
	}
}

// An error is one of a few fixed sentences, whatever the line contains.
func TestErrorsQuoteNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes long, on one goroutine")
	}
	reasons := map[string]bool{}
	for _, test := range malformedLines {
		reasons[test.reason] = true
	}
	check := func(line string) {
		batch, err := jsonl.NewReader(strings.NewReader(line+"\n"), jsonl.Options{Name: "a.jsonl"}).Next()
		var malformed *jsonl.MalformedError
		if err == nil && len(batch) > 0 || err == io.EOF {
			return
		}
		if !errors.As(err, &malformed) || !reasons[malformed.Reason] {
			t.Errorf("%q: an unforeseen error: %v", line, err)
			return
		}
		column := strconv.FormatInt(malformed.Column, 10)
		at := strconv.FormatInt(malformed.Column-1, 10)
		assert.Equal(t, "a.jsonl:1:"+column+": malformed line at byte "+at+": "+malformed.Reason, err.Error(), "%q", line)
	}
	for _, line := range []string{
		`{"at_ms":271828182845,"type":"hunter2","job_id":"hunter2","cmd":"hunter2","exit_code":271828182845,"outcome":"hunter2","hunter2":{"hunter2":["hunter2",271828182845]}}`,
		`{"at_ms":2,"type":"job_finished","job_id":"hunter2","outcome":"hunter2"}`,
		`{"at_ms":2,"type":"run_finished","outcome":"hunter2"}`,
		`{"at_ms":2,"type":"run_started","labels":{"hunter2":"hunter2","hunter3":"hunter2"}}`,
		`{"at_ms":2,"type":"sh_finished","job_id":"hunter2","exit_code":271828182845}`,
		`{"hunter2":1,"at_ms":271828182845271828182845,"hunter2":1,"type":"sh_started","cmd":"hunter2 \n\ud83d\ude00","job_id":"é"}`,
	} {
		for i := range line {
			check(line[:i])
			check(line[i:])
			check(line[:i] + line[i+1:])
			for _, c := range []byte("\x00\t\"\\{}[],:0e.-nx\xff\xed") {
				check(line[:i] + string([]byte{c}) + line[i:])
				check(line[:i] + string([]byte{c}) + line[i+1:])
			}
		}
	}
}
