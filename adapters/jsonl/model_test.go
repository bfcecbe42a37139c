package jsonl_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/domain"
)

// The model is a slow and obvious implementation of the package, on another JSON
// parser. It does not know columns and reasons.

// modelDecode decodes one line and reports whether it is sound.
func modelDecode(line []byte) (domain.Event, bool) {
	object, ok := modelObject(line)
	if !ok {
		return domain.Event{}, false
	}
	atMs, okAt := modelInteger(object["at_ms"], 64)
	typ, okType := modelString(object["type"])
	job, okJob := modelString(object["job_id"])
	ok = okAt && okType
	switch typ {
	case "job_started":
		return domain.NewJobStarted(atMs, job), ok && okJob
	case "job_finished":
		outcome, okOutcome := modelOutcome(object["outcome"], "complete", "succeeded", "failed")
		return domain.NewJobFinished(atMs, job, outcome), ok && okJob && okOutcome
	case "sh_started":
		cmd, okCmd := modelString(object["cmd"])
		return domain.NewShStarted(atMs, job, cmd), ok && okJob && okCmd
	case "sh_finished":
		code, okCode := modelInteger(object["exit_code"], 32)
		return domain.NewShFinished(atMs, job, int32(code)), ok && okJob && okCode
	case "run_finished":
		outcome, okOutcome := modelOutcome(object["outcome"], "succeeded", "succeeded", "pipeline_failure")
		return domain.NewRunFinished(atMs, outcome), ok && okOutcome
	case "run_started":
		labels, okLabels := modelLabels(object["labels"])
		return domain.NewRunStarted(atMs, labels), ok && okLabels
	}
	delete(object, "at_ms")
	delete(object, "type")
	if okJob {
		delete(object, "job_id")
	}
	e := domain.NewUnknown(atMs, typ, modelExtra(object))
	if okJob {
		e = e.InJob(job)
	}
	return e, ok
}

func modelObject(line []byte) (map[string]json.RawMessage, bool) {
	if !utf8.Valid(line) || !json.Valid(line) || hasLoneSurrogate(line) {
		return nil, false
	}
	decoder := json.NewDecoder(bytes.NewReader(line))
	if first, _ := decoder.Token(); first != json.Delim('{') {
		return nil, false
	}
	object := map[string]json.RawMessage{}
	for decoder.More() {
		token, _ := decoder.Token()
		name := token.(string)
		if _, twice := object[name]; twice && wireKeys[quoted(name)] {
			return nil, false
		}
		var value json.RawMessage
		_ = decoder.Decode(&value) // the line is valid
		object[name] = value
	}
	return object, true
}

// hasLoneSurrogate looks at the escapes of valid JSON.
func hasLoneSurrogate(line []byte) bool {
	high := false // a high one stands right before
	for i := 0; i < len(line); i++ {
		c := rune(0)
		if line[i] == '\\' {
			i++
			if line[i] == 'u' {
				n, _ := strconv.ParseUint(string(line[i+1:i+5]), 16, 32)
				c = rune(n)
				i += 4
			}
		}
		if low := 0xdc00 <= c && c <= 0xdfff; low != high {
			return true
		}
		high = 0xd800 <= c && c <= 0xdbff
	}
	return false
}

// modelLabels reads labels from their tokens, because a map would hide a key that is given twice.
func modelLabels(value json.RawMessage) (domain.Labels, bool) {
	if value == nil {
		return domain.Labels{}, true
	}
	decoder := json.NewDecoder(bytes.NewReader(value))
	if first, _ := decoder.Token(); first != json.Delim('{') {
		return domain.Labels{}, false
	}
	var labels []domain.Label
	for decoder.More() {
		key, _ := decoder.Token()
		text, ok := "", false
		if next, _ := decoder.Token(); next != nil {
			text, ok = next.(string)
		}
		if !ok {
			return domain.Labels{}, false
		}
		labels = append(labels, domain.Label{Key: key.(string), Value: text})
	}
	made, err := domain.NewLabels(labels...)
	return made, err == nil
}

func modelInteger(value json.RawMessage, bits int) (int64, bool) {
	n, err := strconv.ParseInt(string(value), 10, bits)
	return n, err == nil
}

func modelString(value json.RawMessage) (string, bool) {
	var s string
	return s, len(value) > 0 && value[0] == '"' && json.Unmarshal(value, &s) == nil
}

func modelOutcome(value json.RawMessage, good, alsoGood, bad string) (domain.Outcome, bool) {
	switch s, ok := modelString(value); {
	case ok && (s == good || s == alsoGood):
		return domain.Complete, true
	case ok && s == bad:
		return domain.Failed, true
	}
	return domain.NoOutcome, false
}

func modelExtra(object map[string]json.RawMessage) string {
	var out bytes.Buffer
	for i, name := range slices.Sorted(maps.Keys(object)) {
		out.WriteString(map[bool]string{true: "{", false: ","}[i == 0] + quoted(name) + ":")
		_ = json.Compact(&out, object[name]) // the line is valid
	}
	if len(object) > 0 {
		out.WriteByte('}')
	}
	return out.String()
}

// modelRead reads a whole stream line by line.
func modelRead(stream string, options jsonl.Options) told {
	var all told
	if options.MaxLine == 0 {
		options.MaxLine = jsonl.DefaultMaxLine
	}
	position := domain.Position{Line: 1}
	for rest := stream; rest != ""; position.Line++ {
		text, after, ended := strings.Cut(rest, "\n")
		entry := domain.Entry{Position: position}
		position.Offset += int64(len(rest) - len(after))
		rest = after

		text = strings.TrimSuffix(text, "\r")
		length := len(text) // the limit counts the mark
		if after, marked := strings.CutPrefix(text, bom); marked && entry.Offset == 0 {
			text, entry.Offset = after, int64(len(bom)) // the mark is the stream's, and no part of its first line
		}
		e, column, reason := modelLine(text, length, options.MaxLine)
		malformed := jsonl.MalformedError{Name: options.Name, Position: entry.Position, Column: int64(column), Reason: reason}
		switch {
		case reason == "" && e.Kind == domain.NoEvent:
			continue
		case reason == "":
			entry.Event = e
		case !ended:
			entry.Fault = domain.Torn
		case options.OnMalformed != jsonl.Skip:
			all.err = &malformed
			return all
		default:
			entry.Fault = domain.Malformed
			all.skipped = append(all.skipped, malformed)
		}
		all.entries = append(all.entries, entry)
	}
	return all
}

// modelLine decodes a line with the general decoder and takes over its column and
// reason. A blank line gives no event.
func modelLine(text string, length, limit int) (domain.Event, int, string) {
	if length > limit {
		return domain.Event{}, limit + 1, fmt.Sprintf("the line is longer than %d bytes", limit)
	}
	if strings.Trim(text, " \t\r") == "" {
		return domain.Event{}, 0, ""
	}
	return jsonl.DecodeGeneral([]byte(text))
}
