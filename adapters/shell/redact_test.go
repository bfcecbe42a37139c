package shell_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"errors"
	"html"
	"io/fs"
	"iter"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/adapters/shell"
)

// slowHide masks texts in the obvious way: it marks every byte of every occurrence, and
// writes a mask for each sequence of marks, where overlapping occurrences share one.
func slowHide(longest func(string) int, in string) string {
	var out strings.Builder
	hidden := 0 // until there, in is hidden
	for i := range len(in) {
		if n := longest(in[i:]); n > 0 {
			if i >= hidden {
				out.WriteString("***")
			}
			hidden = max(hidden, i+n)
		}
		if i >= hidden {
			out.WriteByte(in[i])
		}
	}
	return out.String()
}

// longestOf returns the longest of some texts that in begins with.
func longestOf(texts []string) func(string) int {
	return func(in string) (n int) {
		for _, text := range texts {
			if strings.HasPrefix(in, text) {
				n = max(n, len(text))
			}
		}
		return n
	}
}

// texts generates texts to mask, of few letters, so that they overlap and are prefixes of
// each other.
func texts() *rapid.Generator[[]string] {
	return rapid.SliceOfN(rapid.StringOfN(rapid.RuneFrom([]rune("ab\nc")), 2, 6, -1), 1, 4)
}

// sprinkled generates a text that contains some of the texts, complete or not.
func sprinkled(t *rapid.T, texts []string) string {
	var out strings.Builder
	for range rapid.IntRange(0, 12).Draw(t, "parts") {
		part := rapid.OneOf(rapid.SampledFrom(texts), rapid.StringOfN(rapid.RuneFrom([]rune("ab\ncx")), 0, 3, -1)).Draw(t, "part")
		out.WriteString(part[rapid.IntRange(0, min(1, len(part))).Draw(t, "from"):])
	}
	return out.String()
}

// No part of a secret gets through, wherever its text is split.
func TestHiding(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		texts := texts().Draw(t, "texts")
		in := sprinkled(t, texts)
		got := shell.Plain(texts).Hide(cut(t, in)...)
		require.Equal(t, slowHide(longestOf(texts), in), got, "%q in %q", texts, in)
		for _, text := range texts {
			require.NotContains(t, got, text)
		}
	})
}

// If no occurrences overlap, the result is that of strings.Replacer with the longest texts
// first.
func TestHidingIsReplacing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		// Each begins with a letter of its own, which is nowhere else.
		n := rapid.IntRange(1, 4).Draw(t, "texts")
		var texts, pairs []string
		for i := range n {
			tail := rapid.StringOfN(rapid.RuneFrom([]rune("xyz")), 1, 5, -1)
			first := string(rune('a' + i))
			texts = append(texts, first+tail.Draw(t, "text"), first+tail.Draw(t, "text"))
		}
		slices.SortFunc(texts, func(a, b string) int { return len(b) - len(a) })
		for _, text := range texts {
			pairs = append(pairs, text, "***")
		}
		in := sprinkled(t, texts)
		if got, want := shell.Plain(texts).Hide(cut(t, in)...), strings.NewReplacer(pairs...).Replace(in); got != want {
			t.Fatalf("%q in %q: got %q, want %q", texts, in, got, want)
		}
	})
}

// The redactor holds back nothing longer than necessary.
func TestHidingHoldsLittleBack(t *testing.T) {
	out, err := shell.NewOutput(discard{}, ticking(0), []string{"abcdefgh", "cdxxxxxxxxxx"})
	require.NoError(t, err)
	for _, step := range []struct {
		part string
		held int
	}{
		{"a line\n", 0}, {"a line\na", 1}, {"bc", 3}, {"d", 4}, {"efg", 7}, {"h\n", 0}, {"abcdefgx\n", 0}, {"cdxx", 4}, {"y\n", 0},
	} {
		if out.Write([]byte(step.part)); out.Held() != step.held {
			t.Errorf("after %q %d bytes are held, want %d", step.part, out.Held(), step.held)
		}
	}
}

const key = "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0B\n  AQEFAASCBKcwggSjAgEAAoIB  \r\nAQ==\n-----END KEY-----\n"

// These are forms of secrets in the output of common tools.
func TestForms(t *testing.T) {
	const password = `p&ss "w/rd"+é`
	for name, test := range map[string]struct{ secret, text, want string }{
		"itself":         {password, "is " + password + "!", "is ***!"},
		"JSON":           {password, `{"value":"is ` + inJSON(password, false) + `!"}`, `{"value":"is ***!"}`},
		"JSON for HTML":  {password, `{"value":"is ` + inJSON(password, true) + `!"}`, `{"value":"is ***!"}`},
		"a query":        {password, "https://x/?p=" + url.QueryEscape(password) + "&q", "https://x/?p=***&q"},
		"a query's %20":  {password, "?p=" + strings.ReplaceAll(url.QueryEscape(password), "+", "%20") + "&q", "?p=***&q"},
		"lower case":     {password, "?p=p%26ss+%22w%2frd%22%2b%c3%a9&q", "?p=***&q"},
		"Python's quote": {password, "/p%26ss%20%22w/rd%22%2B%C3%A9/q", "/***/q"},
		"a password":     {password, url.UserPassword("me", password).String() + "@x", "me:***@x"},
		"JavaScript":     {"it's (me)!", "?p=it's%20(me)!&q", "?p=***&q"},
		"encodeURI":      {password, "?p=p&ss%20%22w/rd%22+%C3%A9&q", "?p=***&q"},
		"JSON in ASCII":  {password + "😀", `{"value": "p&ss \"w/rd\"+\u00e9\ud83d\ude00"}`, `{"value": "***"}`},
		"upper case":     {password + "😀", `{"value": "p\u0026ss \"w/rd\"+\u00E9\uD83D\uDE00"}`, `{"value": "***"}`},
		"PHP's JSON":     {password, `{"value":"p&ss \"w\/rd\"+\u00e9"}`, `{"value":"***"}`},
		"a shell":        {"it's me", `echo 'it'\''s me'`, "echo '***'"},
		"a path":         {password, "https://x/" + url.PathEscape(password) + "/q", "https://x/***/q"},
		"all lines":      {key, "a\n" + key + "b\n", "a\n***\nb\n"},
		"one line":       {key, "cut off: MIIEvQIBADANBgkqhkiG9w0B", "cut off: ***"},
		"lines with CR":  {key, strings.ReplaceAll(strings.ReplaceAll(key, "\r", ""), "\n", "\r\n"), "***\r\n"},
		"indented lines": {key, "    AQEFAASCBKcwggSjAgEAAoIB\n", "    ***\n"},
		"lines in JSON":  {key, `{"value":"is ` + inJSON(key, false) + `!"}`, `{"value":"is ***\n!"}`},
		"a file's end":   {"t0ken\n", "is t0ken!", "is ***!"},
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			out, err := shell.NewOutput(&log, ticking(0), []string{test.secret})
			require.NoError(t, err)
			out.Write([]byte(test.text))
			out.End()
			assert.Equal(t, test.want, assemble(parseLog(t, log.String())).stdout)
		})
	}
}

// In base64, a secret is masked wherever it is in the encoded text, on one line or
// several. Only the characters at its ends may remain, which hold a few of its bits.
func TestBase64(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		secret := slices.Concat([]byte("x"), bytesOf(6, 200).Draw(t, "secret"), []byte("x"))
		before := bytesOf(0, 100).Draw(t, "before")
		after := rapid.SliceOfN(rapid.Byte(), 0, 5).Draw(t, "after")
		encoding := rapid.SampledFrom([]*base64.Encoding{base64.StdEncoding, base64.URLEncoding, base64.RawStdEncoding, base64.RawURLEncoding}).Draw(t, "encoding")
		text := encoding.EncodeToString(slices.Concat(before, secret, after))
		width := rapid.SampledFrom([]int{len(text), 64, 76}).Draw(t, "width")
		lines := strings.Join(slices.Collect(chunks(text, width)), "\n")
		got := strings.ReplaceAll(shell.FormsOf(string(secret)).Hide(lines), "\n", "")
		// Bits of the secret that the characters outside the mask hold.
		plain, masked, found := strings.Cut(got, "***")
		left := max(0, len(plain)*6-len(before)*8) + max(0, len(strings.TrimRight(masked, "="))*6-len(after)*8)
		most := 2 * 6
		if width < len(text) { // and one or two on a line before
			most += 2 * 6
		}
		if !found || left > most {
			t.Fatalf("%q has become %q, with %d bits of the secret", text, got, left)
		}
	})
}

// bytesOf generates a number of bytes, large numbers as often as small ones.
func bytesOf(least, most int) *rapid.Generator[[]byte] {
	return rapid.Custom(func(t *rapid.T) []byte {
		n := rapid.IntRange(least, most).Draw(t, "length")
		return rapid.SliceOfN(rapid.Byte(), n, n).Draw(t, "bytes")
	})
}

// chunks splits a text into pieces of n bytes.
func chunks(text string, n int) iter.Seq[string] {
	return func(yield func(string) bool) {
		for part := range slices.Chunk([]byte(text), n) {
			if !yield(string(part)) {
				return
			}
		}
	}
}

// encoders are the ways of a secret into an output.
var encoders = []struct {
	name   string
	encode func(string) string
}{
	{"nothing", func(s string) string { return s }},
	{"a terminal", func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }},
	{"JSON", func(s string) string { return inJSON(s, false) }},
	{"JSON for HTML", func(s string) string { return inJSON(s, true) }},
	{"JSON by PHP", func(s string) string { return strings.ReplaceAll(inJSON(s, false), "/", `\/`) }},
	{"Go in ASCII", func(s string) string { q := strconv.QuoteToASCII(s); return q[1 : len(q)-1] }},
	{"a query", url.QueryEscape},
	{"a query with %20", func(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }},
	{"a query in lower case", func(s string) string {
		return regexp.MustCompile("%..").ReplaceAllStringFunc(url.QueryEscape(s), strings.ToLower)
	}},
	{"a path", url.PathEscape},
	{"a whole path", func(s string) string { return (&url.URL{Path: "/" + s}).EscapedPath()[1:] }},
	{"a password", func(s string) string { return url.UserPassword("", s).String()[1:] }},
	{"HTML", html.EscapeString},
	{"HTML by PHP", strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&#039;").Replace},
	{"XML", func(s string) string {
		var out strings.Builder
		if err := xml.EscapeText(&out, []byte(s)); err != nil {
			panic(err)
		}
		return out.String()
	}},
	{"single quotes", func(s string) string { return strings.ReplaceAll(s, "'", `'\''`) }},
	{"double quotes", func(s string) string { return regexp.MustCompile("[\"$`\\\\]").ReplaceAllString(s, `\$0`) }},
	{"dash's export -p", func(s string) string { return regexp.MustCompile("'+").ReplaceAllString(s, `'"$0"'`) }},
	{"bash's %q", func(s string) string { return regexp.MustCompile("[^a-zA-Z0-9é😀\n\t]").ReplaceAllString(s, `\$0`) }},
	{"a shell's $''", strings.NewReplacer(`\`, `\\`, "'", `\'`, "\n", `\n`, "\t", `\t`).Replace},
}

func inJSON(s string, escapeHTML bool) string {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(escapeHTML)
	if err := encoder.Encode(s); err != nil {
		panic(err)
	}
	return out.String()[1 : out.Len()-2]
}

// aSecret generates a secret with all characters that tools escape.
func aSecret() *rapid.Generator[string] {
	end := rapid.RuneFrom([]rune("aZ09!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~é😀"))
	middle := rapid.OneOf(end, rapid.RuneFrom([]rune("'\"\\ \n\t")))
	return rapid.Custom(func(t *rapid.T) string {
		text := []rune{end.Draw(t, "first")}
		text = append(text, rapid.SliceOfN(middle, 2, 20).Draw(t, "middle")...)
		return string(append(text, end.Draw(t, "last")))
	})
}

// A secret of any length is masked completely, whatever encoded it and wherever it is
// split.
func TestEncodedSecrets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		secret := aSecret().Draw(t, "secret")
		forms := shell.FormsOf(secret)
		for _, encoder := range encoders {
			text := "is " + encoder.encode(secret) + " !"
			require.Equal(t, "is *** !", forms.Hide(cut(t, text)...), "%s: %q has become", encoder.name, text)
		}
	})
}

// Other text is not masked.
func TestOtherTextsAreNotHidden(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		secret := "x" + strings.ReplaceAll(aSecret().Draw(t, "secret"), "\n", "")
		for _, encoder := range encoders {
			text := encoder.encode("y" + secret[1:] + " x")
			require.Equal(t, text, shell.FormsOf(secret).Hide(cut(t, text)...), encoder.name)
		}
	})
}

// The shells of this machine print their variables.
func TestShellsOwnQuotes(t *testing.T) {
	// No word of it is in the environment of any machine, which some commands show.
	const secret = "hUn7'er's \"sEcr3t\" ''w\\r7h`$H1DING\n&'m0rE"
	for _, name := range []string{"sh", "dash", "bash", "zsh", "ksh", "busybox"} {
		for _, list := range []string{"export -p", "set", "printf '%q\\n' \"$S\"", ": \"$S\""} {
			args := []string{"-xc", list}
			if name == "busybox" {
				args = slices.Insert(args, 0, "sh")
			}
			cmd := exec.Command(name, args...)
			cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "S=" + secret}
			out, err := cmd.CombinedOutput()
			if errors.Is(err, exec.ErrNotFound) {
				break // the others are looked at
			}
			shown := shell.FormsOf(secret).Hide(string(out))
			for _, part := range []string{"hUn7", "sEcr3t", "r7h", "H1DING", "m0rE"} {
				assert.NotContains(t, shown, part, "%s, %s", name, list)
			}
		}
	}
}

// No file of a run contains a secret, wherever a command prints it.
func TestNoSecretIsWritten(t *testing.T) {
	t.Parallel()
	secrets := []string{"hunter2!", "tw0\nl1nes of it", "it's $HOME"}
	r := run(t, one(t, func(ctx context.Context, sh *shell.Shell) error {
		for _, secret := range secrets {
			quoted := "'" + strings.ReplaceAll(secret, "'", `'\''`) + "'"
			err := sh.Run(ctx, "S="+quoted+`; echo "is $S"; printf %s "$S" >&2
				half=$(printf %.5s "$S"); printf %s "$half"; sleep 1.2; echo "${S#"$half"}"`)
			if err != nil {
				return err
			}
		}
		return nil
	}), shell.Options{Secrets: secrets})
	require.NoError(t, r.err)
	written := string(r.stream)
	err := filepath.WalkDir(r.logs, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			data, readErr := os.ReadFile(path)
			written, err = written+string(data), readErr
		}
		return err
	})
	require.NoError(t, err)
	for _, part := range []string{"hunter", "l1nes", "ter2!", "s $HOME", "of it"} {
		assert.NotContains(t, written, part)
	}
	if n := strings.Count(written, "***"); n != 3*4 {
		t.Errorf("%d masks in\n%s", n, written)
	}
}
