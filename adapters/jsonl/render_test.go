package jsonl_test

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/laws"
)

// member is a name and a value of an object, both as JSON.
type member struct{ name, value string }

// members gives an event's members in the order of the wire, in the slow and
// obvious way.
func members(e domain.Event) []member {
	all := []member{
		{`"at_ms"`, strconv.FormatInt(e.AtMs, 10)},
		{`"type"`, quoted(e.TypeName())},
	}
	if e.HasJob {
		all = append(all, member{`"job_id"`, quoted(e.JobID)})
	}
	switch e.Kind {
	case domain.ShStarted:
		all = append(all, member{`"cmd"`, quoted(e.Cmd)})
	case domain.ShFinished:
		all = append(all, member{`"exit_code"`, fmt.Sprint(e.ExitCode)})
	case domain.JobFinished:
		all = append(all, member{`"outcome"`, map[domain.Outcome]string{domain.Complete: `"complete"`, domain.Failed: `"failed"`}[e.Outcome]})
	case domain.RunFinished:
		all = append(all, member{`"outcome"`, map[domain.Outcome]string{domain.Complete: `"succeeded"`, domain.Failed: `"pipeline_failure"`}[e.Outcome]})
	case domain.RunStarted:
		if labels := slices.Collect(e.Labels().All()); len(labels) > 0 {
			all = append(all, member{`"labels"`, labelsText(labels, ":", ",")})
		}
	case domain.Unknown:
		var extra map[string]json.RawMessage
		if e.Extra != "" {
			if err := json.Unmarshal([]byte(e.Extra), &extra); err != nil {
				panic(err)
			}
		}
		for _, name := range slices.Sorted(maps.Keys(extra)) {
			all = append(all, member{quoted(name), string(extra[name])})
		}
	}
	return all
}

// labelsText writes labels as an object with the given colon and comma.
func labelsText(labels []domain.Label, colon, comma string) string {
	var parts []string
	for _, l := range labels {
		parts = append(parts, quoted(l.Key)+colon+quoted(l.Value))
	}
	return "{" + strings.Join(parts, comma) + "}"
}

// quoted writes a string as serde_json does.
func quoted(s string) string {
	short := map[rune]string{'"': `\"`, '\\': `\\`, '\b': `\b`, '\f': `\f`, '\n': `\n`, '\r': `\r`, '\t': `\t`}
	var out strings.Builder
	for _, r := range s {
		switch {
		case short[r] != "":
			out.WriteString(short[r])
		case r < ' ':
			fmt.Fprintf(&out, `\u%04x`, r)
		default:
			out.WriteRune(r)
		}
	}
	return `"` + out.String() + `"`
}

// written is an event's line without its line feed.
func written(e domain.Event) string {
	var parts []string
	for _, m := range members(e) {
		parts = append(parts, m.name+":"+m.value)
	}
	return "{" + strings.Join(parts, ",") + "}"
}

// loosened generates other spellings of an event's line.
func loosened(e domain.Event) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		all := members(e)
		if e.Kind == domain.RunStarted {
			labels := rapid.Permutation(slices.Collect(e.Labels().All())).Draw(t, "labels in order")
			if len(labels) > 0 {
				all[len(all)-1].value = labelsText(labels, " :\t", " , ")
			} else if rapid.Bool().Draw(t, "empty labels") {
				all = append(all, member{`"labels"`, "{ }"})
			}
		}
		if e.Kind != domain.Unknown { // an unknown event keeps further members
			all = append(all, rapid.SliceOfNDistinct(ignored(all), 0, 4, func(m member) string { return m.name }).Draw(t, "ignored")...)
		}
		all = rapid.Permutation(all).Draw(t, "order")
		space := func() string { return rapid.SampledFrom([]string{"", "", " ", "\t", "\r", " \t "}).Draw(t, "space") }
		var out strings.Builder
		out.WriteString(space() + "{")
		for i, m := range all {
			if i > 0 {
				out.WriteByte(',')
			}
			out.WriteString(space() + respelled(t, m.name) + space() + ":" + space())
			if wireKeys[m.name] && m.value[0] == '"' {
				m.value = respelled(t, m.value)
			}
			out.WriteString(m.value + space())
		}
		return out.String() + "}" + space()
	})
}

var wireKeys = map[string]bool{`"at_ms"`: true, `"type"`: true, `"job_id"`: true, `"cmd"`: true, `"exit_code"`: true, `"outcome"`: true, `"labels"`: true}

// ignored generates members that do not change an event that has the others.
func ignored(others []member) *rapid.Generator[member] {
	names := []string{`""`, `"x"`, `"AT_MS"`, `"at_ms "`, `"typ"`, `"host"`, `"日"`, `"a\"b"`}
	runStarted := slices.Contains(others, member{`"type"`, `"run_started"`})
	for _, name := range []string{`"cmd"`, `"labels"`} {
		if !slices.ContainsFunc(others, func(m member) bool { return m.name == name }) && !(name == `"labels"` && runStarted) {
			names = append(names, name)
		}
	}
	values := []string{`0`, `-1.5e+3`, `null`, `true`, `false`, `""`, `"\n\u00e9 \ud83d\ude00"`, `[]`, `{"at_ms":[1,{"cmd":null,"cmd":2}]}`, `99999999999999999999`}
	return rapid.Custom(func(t *rapid.T) member {
		value := rapid.OneOf(rapid.SampledFrom(values), rapid.Custom(func(t *rapid.T) string { return anyJSON(t, 3) }))
		return member{rapid.SampledFrom(names).Draw(t, "name"), value.Draw(t, "value")}
	})
}

// anyJSON generates any JSON value, with white space here and there.
func anyJSON(t *rapid.T, depth int) string {
	space := rapid.SampledFrom([]string{"", "", " ", "\t\r"}).Draw(t, "space")
	switch kind := rapid.IntRange(0, 5).Draw(t, "kind"); {
	case kind < 2 || depth == 0:
		return rapid.SampledFrom([]string{`0`, `-0.5E-10`, `1e5`, `null`, `true`, `false`, `""`, `"\\\""`, `" { , "`, `12345678901234567`}).Draw(t, "leaf")
	case kind < 4:
		parts := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) string { return space + anyJSON(t, depth-1) }), 0, 3).Draw(t, "elements")
		return "[" + space + strings.Join(parts, space+",") + space + "]"
	}
	parts := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) string {
		return rapid.SampledFrom([]string{`"a"`, `""`, `"at_ms"`, `"\u0061"`}).Draw(t, "key") + space + ":" + space + anyJSON(t, depth-1)
	}), 0, 3).Draw(t, "members")
	return "{" + space + strings.Join(parts, space+","+space) + space + "}"
}

// respelled writes a JSON string with other escapes.
func respelled(t *rapid.T, quotedText string) string {
	if rapid.IntRange(0, 2).Draw(t, "respell") == 0 {
		return quotedText
	}
	var text string
	if err := json.Unmarshal([]byte(quotedText), &text); err != nil {
		panic(err)
	}
	var out strings.Builder
	for _, r := range text {
		out.WriteString(rapid.SampledFrom(spellings(r)).Draw(t, "spelling"))
	}
	return `"` + out.String() + `"`
}

// spellings are the ways to write a character in a JSON string.
func spellings(r rune) []string {
	obvious := strings.Trim(quoted(string(r)), `"`)
	if r == '"' {
		obvious = `\"`
	}
	ways := []string{obvious, obvious, obvious}
	if r == '/' {
		ways = append(ways, `\/`)
	}
	if r > 0xffff {
		high, low := 0xd800+(r-0x10000)>>10, 0xdc00+(r-0x10000)&0x3ff
		return append(ways, fmt.Sprintf(`\u%04x\u%04X`, high, low))
	}
	return append(ways, fmt.Sprintf(`\u%04x`, r), fmt.Sprintf(`\u%04X`, r))
}

// line generates an event's line, as the wire has it or in another spelling.
func line() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		e := laws.Event().Draw(t, "event")
		if rapid.Bool().Draw(t, "loose") {
			return loosened(e).Draw(t, "line")
		}
		return written(e)
	})
}

// mutated generates lines with a few bytes changed.
func mutated() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		text := []byte(line().Draw(t, "line"))
		for range rapid.IntRange(0, 3).Draw(t, "mutations") {
			i := rapid.IntRange(0, len(text)).Draw(t, "at")
			end := min(len(text), i+rapid.IntRange(0, 3).Draw(t, "delete"))
			insert := rapid.SampledFrom(splinters).Draw(t, "insert")
			text = slices.Replace(text, i, end, []byte(insert)...)
		}
		return string(text)
	})
}

var splinters = []string{
	"", "", " ", "\r", "0", "9", "-", ".", "e", "1234567", `"`, `\`, `\n`, `\u`, `\u0061`, `\ud83d`, `\udc00`,
	"{", "}", "[", "]", ":", ",", "\x00", "\x1f", "\x7f", "\x80", "\xc3", "\xed\xa0\x80", "\xff", "é", "null",
	`,"cmd":"b"`, `"at_ms":2,`, `,"type":"x"`, `,"exit_code":1`, `,"labels":{"a":"b"}`, `"":"",`, `"ref":"x",`,
}

// stream generates the bytes of streams with sound and malformed lines.
func stream() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		whole := rapid.OneOf(line(), line(), mutated(), rapid.SampledFrom([]string{"", " ", "\t\r", "{}", "x", bom, bom + "{}"}))
		var out strings.Builder
		out.WriteString(rapid.SampledFrom([]string{"", "", bom, bom[:1]}).Draw(t, "mark"))
		for range rapid.IntRange(0, 12).Draw(t, "lines") {
			out.WriteString(whole.Draw(t, "line") + rapid.SampledFrom([]string{"\n", "\n", "\r\n"}).Draw(t, "end"))
		}
		if rapid.Bool().Draw(t, "with a tail") {
			tail := line().Draw(t, "tail")
			out.WriteString(tail[:rapid.IntRange(0, len(tail)).Draw(t, "cut")])
		}
		return out.String()
	})
}

// chunks reads src in pieces of the given sizes, in turn. It overwrites the rest of
// the buffer, as a reader may.
type chunks struct {
	src   io.Reader
	sizes []int
	turn  int
}

func (c *chunks) Read(p []byte) (int, error) {
	size := c.sizes[c.turn%len(c.sizes)]
	c.turn++
	n, err := c.src.Read(p[:min(size, len(p))])
	for i := range p[n:] {
		p[n+i] = "\n\"}0"[i%4]
	}
	return n, err
}
