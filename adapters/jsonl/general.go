package jsonl

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/mitchellh/mapstructure"

	"github.com/quire-ci/quire-project/domain"
)

// decodeGeneral decodes one line, without its line feed, in any form of JSON.
// It is slow and right: jsontext says what is JSON, down to invalid UTF-8 and
// lone surrogates; mapstructure brings the loose object into the typed event.
func decodeGeneral(line []byte) (domain.Event, *fault) {
	o, fault := parseObject(line)
	if fault != nil {
		return domain.Event{}, fault
	}
	switch o.typeKind() {
	case domain.Unknown:
		return o.unknownEvent()
	case domain.RunStarted:
		var e struct {
			head   `mapstructure:",squash"`
			Labels domain.Labels `mapstructure:"labels"`
		}
		fault := into(&e, o.wire)
		return domain.NewRunStarted(e.AtMs, e.Labels), fault
	case domain.RunFinished:
		var e struct {
			head    `mapstructure:",squash"`
			Outcome runOutcome `mapstructure:"outcome"`
		}
		fault := into(&e, o.wire)
		return domain.NewRunFinished(e.AtMs, domain.Outcome(e.Outcome)), fault
	case domain.JobFinished:
		var e struct {
			head    `mapstructure:",squash"`
			JobID   string     `mapstructure:"job_id"`
			Outcome jobOutcome `mapstructure:"outcome"`
		}
		fault := into(&e, o.wire)
		return domain.NewJobFinished(e.AtMs, e.JobID, domain.Outcome(e.Outcome)), fault
	case domain.ShStarted:
		var e struct {
			head  `mapstructure:",squash"`
			JobID string `mapstructure:"job_id"`
			Cmd   string `mapstructure:"cmd"`
		}
		fault := into(&e, o.wire)
		return domain.NewShStarted(e.AtMs, e.JobID, e.Cmd), fault
	case domain.ShFinished:
		var e struct {
			head     `mapstructure:",squash"`
			JobID    string `mapstructure:"job_id"`
			ExitCode int32  `mapstructure:"exit_code"`
		}
		fault := into(&e, o.wire)
		return domain.NewShFinished(e.AtMs, e.JobID, e.ExitCode), fault
	default:
		var e struct {
			head  `mapstructure:",squash"`
			JobID string `mapstructure:"job_id"`
		}
		fault := into(&e, o.wire)
		return domain.NewJobStarted(e.AtMs, e.JobID), fault
	}
}

// head is what every event has.
type head struct {
	AtMs int64  `mapstructure:"at_ms"`
	Type string `mapstructure:"type"`
}

// typeKind returns the kind that the object's type names; Unknown also where
// it has none, or one that is no string.
func (o *object) typeKind() domain.Kind {
	if typ, ok := o.wire["type"].(member); ok && typ.raw.Kind() == '"' {
		return domain.KindOf(typ.text())
	}
	return domain.Unknown
}

type (
	jobOutcome domain.Outcome
	runOutcome domain.Outcome
)

// unknownEvent keeps all that a line of an unknown type says. A job_id counts
// as one when it is a string; of whatever else it may be, nothing is known.
func (o *object) unknownEvent() (domain.Event, *fault) {
	var e struct {
		head `mapstructure:",squash"`
		Rest map[string]any `mapstructure:",remain"`
	}
	if fault := into(&e, o.wire); fault != nil {
		return domain.Event{}, fault
	}
	event := domain.NewUnknown(e.AtMs, e.Type, "")
	for name, value := range e.Rest {
		m := value.(member)
		if name == "job_id" && m.raw.Kind() == '"' {
			event = event.InJob(m.text())
			continue
		}
		o.rest = append(o.rest, field{name, m.raw})
	}
	event.Extra = objectText(o.rest)
	return event, nil
}

// objectText writes fields as one JSON object, sorted by name; of those that
// have the same name, the last one.
func objectText(fields []field) string {
	if len(fields) == 0 {
		return ""
	}
	slices.SortStableFunc(fields, func(a, b field) int { return strings.Compare(a.name, b.name) })
	var out []byte
	for i, f := range fields {
		if i+1 < len(fields) && fields[i+1].name == f.name {
			continue
		}
		out = append(out, ',')
		out, _ = jsontext.AppendQuote(out, f.name) // it is valid UTF-8: it was parsed
		out = append(out, ':')
		value := f.raw.Clone()
		_ = value.Compact(jsontext.AllowDuplicateNames(true)) // it is valid: it was parsed
		out = append(out, value...)
	}
	out[0] = '{'
	return string(append(out, '}'))
}

// object is a line's JSON object: the members that the wire knows, by name,
// for mapstructure; and the others, which may be many, as they stand there.
type object struct {
	wire map[string]any // of member
	rest []field
}

type field struct {
	name string
	raw  jsontext.Value
}

// member is the value of a member of the line's object, and where it stands.
type member struct {
	raw jsontext.Value
	at  int
}

// text returns the value of a member that is a string.
func (m member) text() string {
	s, _ := jsontext.AppendUnquote(nil, m.raw) // it is valid: it was parsed
	return string(s)
}

// wireKeys are the members that the wire knows. None may be given twice; of
// others, the last one counts.
var wireKeys = map[string]key{
	"at_ms": keyAtMs, "type": keyType, "job_id": keyJobID, "cmd": keyCmd, "exit_code": keyExitCode, "outcome": keyOutcome, "labels": keyLabels,
}

// parseObject reads line as one JSON object.
func parseObject(line []byte) (*object, *fault) {
	decoder := jsontext.NewDecoder(bytes.NewBuffer(line), jsontext.AllowDuplicateNames(true))
	if token, err := decoder.ReadToken(); err != nil {
		return nil, syntaxFault(line, err)
	} else if token.Kind() != '{' {
		return nil, &fault{len(line) - len(trimSpace(line)), "not a JSON object"}
	}
	o := &object{wire: make(map[string]any, len(wireKeys))}
	for decoder.PeekKind() != '}' {
		name, value, err := readMember(decoder, line)
		if err != nil {
			return nil, syntaxFault(line, err)
		}
		key := name.text()
		if wireKeys[key] == 0 {
			o.rest = append(o.rest, field{key, value.raw})
			continue
		}
		if _, twice := o.wire[key]; twice {
			return nil, &fault{name.at, key + " is given twice"}
		}
		o.wire[key] = value
	}
	if _, err := decoder.ReadToken(); err != nil {
		return nil, syntaxFault(line, err)
	}
	end := int(decoder.InputOffset())
	if rest := trimSpace(line[end:]); len(rest) > 0 {
		return nil, &fault{len(line) - len(rest), "something stands behind the JSON object"}
	}
	return o, nil
}

// trimSpace returns what follows the JSON white space that b begins with.
func trimSpace(b []byte) []byte { return bytes.TrimLeft(b, " \t\r\n") }

// readMember reads the name and the value of a member, which are part of line.
func readMember(decoder *jsontext.Decoder, line []byte) (name, value member, err error) {
	if name, err = readValue(decoder, line); err == nil {
		value, err = readValue(decoder, line)
	}
	return name, value, err
}

func readValue(decoder *jsontext.Decoder, line []byte) (member, error) {
	raw, err := decoder.ReadValue()
	if err != nil {
		return member{}, err
	}
	end := int(decoder.InputOffset())
	return member{raw: line[end-len(raw) : end], at: end - len(raw)}, nil
}

// syntaxFault says where a line is not JSON, and why in words of our own: the
// parser's may quote what stands there.
func syntaxFault(line []byte, err error) *fault {
	var syntax *jsontext.SyntacticError
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || !errors.As(err, &syntax) {
		return &fault{len(line), "the line ends inside the JSON object"}
	}
	at := min(int(syntax.ByteOffset), len(line))
	rest := line[at:]
	switch r, size := utf8.DecodeRune(rest); {
	case len(rest) == 0:
		return &fault{at, "the line ends inside the JSON object"}
	case r == utf8.RuneError && size == 1:
		return &fault{at, "not valid UTF-8"}
	case rest[0] == '\\':
		return &fault{at, "an escape that is not valid, or half of a surrogate pair"}
	case rest[0] < ' ':
		return &fault{at, "a control character where none may be"}
	case rest[0] == '[' || rest[0] == '{':
		return &fault{at, "not valid JSON, or nested too deeply"}
	}
	return &fault{at, "not valid JSON"}
}

// into brings an object into the struct that target points to, strictly:
// every field but the labels is needed, and has to be of its type. mapstructure alone would
// take a float for an integer, cut one to size, take null for nothing and a
// key in any case; and its errors quote values. So each value is converted here,
// in its hook, which also knows where the value stands.
func into(target any, object map[string]any) *fault {
	var found *fault
	convert := func(from, to reflect.Value) (any, error) {
		value, ok := from.Interface().(member)
		if !ok || to.Kind() == reflect.Interface {
			return from.Interface(), nil
		}
		converted, wrong := value.as(to.Interface())
		if wrong != nil && (found == nil || wrong.at < found.at) {
			found = wrong
		}
		return converted, nil
	}
	var meta mapstructure.Metadata
	decoder, err := mapstructure.NewDecoder(&mapstructure.DecoderConfig{
		DecodeHook: convert,
		Metadata:   &meta,
		Result:     target,
		MatchName:  func(key, field string) bool { return key == field },
	})
	if err != nil {
		return &fault{0, "internal error: " + err.Error()} // the config is constant
	}
	if err := decoder.Decode(object); err != nil && found == nil {
		return &fault{0, "a member is not of its type"}
	}
	missing := slices.DeleteFunc(meta.Unset, func(key string) bool { return key == "labels" })
	if found == nil && len(missing) > 0 {
		slices.Sort(missing)
		return &fault{0, missing[0] + " is missing"}
	}
	return found
}

// as converts the value to the type of target; or says why it cannot.
func (m member) as(target any) (any, *fault) {
	kind := m.raw.Kind()
	switch target.(type) {
	case int64:
		return m.integer(math.MinInt64, math.MaxInt64)
	case int32:
		n, wrong := m.integer(math.MinInt32, math.MaxInt32)
		return int32(n), wrong
	case domain.Labels:
		return m.labels()
	}
	if kind != '"' {
		return target, m.needs("a string")
	}
	outcome, ok := domain.NoOutcome, true
	switch target.(type) {
	case jobOutcome:
		if outcome, ok = outcomeOf(domain.JobFinished, m.text()); !ok {
			return target, &fault{m.at, `a job's outcome is "complete" or "failed"`}
		}
		return jobOutcome(outcome), nil
	case runOutcome:
		if outcome, ok = outcomeOf(domain.RunFinished, m.text()); !ok {
			return target, &fault{m.at, `a run's outcome is "succeeded" or "pipeline_failure"`}
		}
		return runOutcome(outcome), nil
	}
	return m.text(), nil
}

// needs says that the value is of another type than is needed.
func (m member) needs(what string) *fault {
	return &fault{m.at, fmt.Sprintf("%s is needed here, not %s", what, kindName(m.raw.Kind()))}
}

// labels reads an object of strings. The first label that a run cannot have is
// at fault: at its key, or at its value if the key is sound.
func (m member) labels() (domain.Labels, *fault) {
	if m.raw.Kind() != '{' {
		return domain.Labels{}, m.needs("an object")
	}
	decoder := jsontext.NewDecoder(bytes.NewBuffer(m.raw), jsontext.AllowDuplicateNames(true))
	_, _ = decoder.ReadToken() // it is valid, like all that follows: it was parsed
	seen := map[string]bool{}
	var labels []domain.Label
	for decoder.PeekKind() != '}' {
		name, value, _ := readMember(decoder, m.raw)
		label, at := domain.Label{Key: name.text()}, m.at+name.at
		reason := label.Check()
		switch {
		case reason != nil:
		case seen[label.Key]:
			reason = domain.ErrLabelTwice
		case len(labels) == domain.MaxLabels:
			reason = domain.ErrLabelCount
		case value.raw.Kind() != '"':
			value.at += m.at
			return domain.Labels{}, value.needs("a string")
		default:
			label.Value, at = value.text(), m.at+value.at
			reason = label.Check()
		}
		if reason != nil {
			return domain.Labels{}, &fault{at, reason.Error()}
		}
		seen[label.Key] = true
		labels = append(labels, label)
	}
	made, _ := domain.NewLabels(labels...) // they were checked
	return made, nil
}

// integer reads a number that is written as an integer and is in range.
func (m member) integer(low, high int64) (int64, *fault) {
	if m.raw.Kind() != '0' {
		return 0, m.needs("an integer")
	}
	n, err := strconv.ParseInt(string(m.raw), 10, 64)
	switch {
	case errors.Is(err, strconv.ErrSyntax):
		return 0, &fault{m.at, "an integer is needed here, without fraction or exponent"}
	case err != nil || n < low || n > high:
		return 0, &fault{m.at, fmt.Sprintf("the integer is not between %d and %d", low, high)}
	}
	return n, nil
}

func kindName(kind jsontext.Kind) string {
	switch kind {
	case 'n':
		return "null"
	case 't', 'f':
		return "true or false"
	case '0':
		return "a number"
	case '{':
		return "an object"
	case '[':
		return "an array"
	}
	return "a string"
}
