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

// wireEvent has the members of all kinds of events.
type wireEvent struct {
	AtMs     int64          `mapstructure:"at_ms"`
	Type     string         `mapstructure:"type"`
	JobID    string         `mapstructure:"job_id"`
	Cmd      string         `mapstructure:"cmd"`
	ExitCode int32          `mapstructure:"exit_code"`
	Outcome  domain.Outcome `mapstructure:"outcome"`
	Labels   domain.Labels  `mapstructure:"labels"`
}

// decodeGeneral decodes one line, without its line feed, in any form of JSON.
// It is slow and right: jsontext decides what is JSON, down to invalid UTF-8 and
// lone surrogates; mapstructure converts the loose object to the typed event.
func decodeGeneral(line []byte) (domain.Event, *fault) {
	o, fault := parseObject(line)
	if fault != nil {
		return domain.Event{}, fault
	}
	kind := o.kind()
	e, fault := o.typed(kind)
	if fault != nil {
		return domain.Event{}, fault
	}
	switch kind {
	case domain.RunStarted:
		return domain.NewRunStarted(e.AtMs, e.Labels), nil
	case domain.RunFinished:
		return domain.NewRunFinished(e.AtMs, e.Outcome), nil
	case domain.JobStarted:
		return domain.NewJobStarted(e.AtMs, e.JobID), nil
	case domain.JobFinished:
		return domain.NewJobFinished(e.AtMs, e.JobID, e.Outcome), nil
	case domain.ShStarted:
		return domain.NewShStarted(e.AtMs, e.JobID, e.Cmd), nil
	case domain.ShFinished:
		return domain.NewShFinished(e.AtMs, e.JobID, e.ExitCode), nil
	}
	return o.unknownEvent(&e), nil
}

// kind returns the kind that the object's type names: Unknown if it has no type, or if the type is
// not a string.
func (o *object) kind() domain.Kind {
	if typ, ok := o.wire["type"].(member); ok && typ.raw.Kind() == '"' {
		return domain.KindOf(typ.text())
	}
	return domain.Unknown
}

// unknownEvent keeps all members of a line of an unknown type. A job_id names a job
// if it is a string; with any other value its meaning is not known.
func (o *object) unknownEvent(e *wireEvent) domain.Event {
	event := domain.NewUnknown(e.AtMs, e.Type, "")
	for name, value := range o.wire {
		switch m := value.(member); {
		case name == "at_ms" || name == "type":
		case name == "job_id" && m.raw.Kind() == '"':
			event = event.InJob(m.text())
		default:
			o.rest = append(o.rest, field{name, m.raw})
		}
	}
	event.Extra = objectText(o.rest)
	return event
}

// objectText writes fields as one JSON object, sorted by name. Of fields with the
// same name it writes the last one.
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

// object is a line's JSON object: the members that the wire knows, by name, for
// mapstructure; and the others, which may be many.
type object struct {
	wire map[string]any // of member
	rest []field
}

type field struct {
	name string
	raw  jsontext.Value
}

// member is the value of a member of the line's object.
type member struct {
	raw jsontext.Value
	at  int // its index in the line
}

// text returns the value of a member that is a string.
func (m member) text() string {
	s, _ := jsontext.AppendUnquote(nil, m.raw) // it is valid: it was parsed
	return string(s)
}

// wireKeys are the members that the wire knows. None of them may be given twice; of
// other members, the last one counts.
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

// syntaxFault returns where and why a line is not JSON, in words of our own: those of
// the parser may quote the line.
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

// typed converts the members that an event of this kind has, strictly: each has to be of
// its type, and all but the labels are required. On its own, mapstructure would take a
// float for an integer, cut an integer to size, take null for zero and ignore the case of
// keys, and its errors quote values. So its hook converts each value, and knows the place
// of the value in the line.
func (o *object) typed(kind domain.Kind) (e wireEvent, found *fault) {
	convert := func(from, to reflect.Value) (any, error) {
		value, ok := from.Interface().(member)
		if !ok {
			return from.Interface(), nil
		}
		converted, wrong := value.as(to.Interface(), kind)
		if wrong != nil && (found == nil || wrong.at < found.at) {
			found = wrong
		}
		return converted, nil
	}
	decoder, err := mapstructure.NewDecoder(&mapstructure.DecoderConfig{
		DecodeHook: convert,
		Result:     &e,
		MatchName:  func(key, field string) bool { return key == field },
	})
	if err != nil {
		return e, &fault{0, "internal error: " + err.Error()} // the config is constant
	}
	members, missing := o.membersOf(kind)
	if err := decoder.Decode(members); err != nil && found == nil {
		return e, &fault{0, "a member is not of its type"}
	}
	if found == nil && missing != "" {
		found = &fault{0, missing + " is missing"}
	}
	return e, found
}

// membersOf returns the members that an event of this kind has, and the first required
// one that is missing, by name.
func (o *object) membersOf(kind domain.Kind) (members map[string]any, missing string) {
	members = map[string]any{}
	for name, key := range wireKeys {
		value, ok := o.wire[name]
		required := required[kind]&key != 0
		switch {
		case ok && (required || kind == domain.RunStarted && key == keyLabels):
			members[name] = value
		case !ok && required && (missing == "" || name < missing):
			missing = name
		}
	}
	return members, missing
}

// as converts the value to the type of target, or returns the reason why it cannot.
func (m member) as(target any, kind domain.Kind) (any, *fault) {
	switch target.(type) {
	case int64:
		return m.integer(math.MinInt64, math.MaxInt64)
	case int32:
		n, wrong := m.integer(math.MinInt32, math.MaxInt32)
		return int32(n), wrong
	case domain.Labels:
		return m.labels()
	}
	if m.raw.Kind() != '"' {
		return target, m.needs("a string")
	}
	if _, ok := target.(domain.Outcome); !ok {
		return m.text(), nil
	}
	outcome, ok := outcomeOf(kind, m.text())
	switch {
	case ok:
		return outcome, nil
	case kind == domain.JobFinished:
		return target, &fault{m.at, `a job's outcome is "complete" or "failed"`}
	}
	return target, &fault{m.at, `a run's outcome is "succeeded" or "pipeline_failure"`}
}

// needs returns the fault of a value of the wrong type.
func (m member) needs(what string) *fault {
	return &fault{m.at, fmt.Sprintf("%s is needed here, not %s", what, kindName(m.raw.Kind()))}
}

// labels reads an object of strings. The fault is that of the first label that is not
// allowed, at its key or, if the key is allowed, at its value.
func (m member) labels() (domain.Labels, *fault) {
	if m.raw.Kind() != '{' {
		return domain.Labels{}, m.needs("an object")
	}
	decoder := jsontext.NewDecoder(bytes.NewBuffer(m.raw), jsontext.AllowDuplicateNames(true))
	_, _ = decoder.ReadToken() // valid, like all that follows: it was parsed
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

// integer reads an integer in range, without fraction or exponent.
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
