package shell_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"io/fs"
	"iter"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/adapters/shell"
)

// slowHide hides texts in the obvious way: it marks every byte of every
// occurrence, and writes a mask for each stretch of marks, where occurrences that
// overlap make one.
func slowHide(texts []string, in string) string {
	var out strings.Builder
	hidden := 0 // until there, in is hidden
	for i := range len(in) {
		for _, text := range texts {
			if strings.HasPrefix(in[i:], text) {
				if i >= hidden {
					out.WriteString("***")
				}
				hidden = max(hidden, i+len(text))
			}
		}
		if i >= hidden {
			out.WriteByte(in[i])
		}
	}
	return out.String()
}

// texts generates what to hide, of few letters, so that they overlap and begin
// each other.
func texts() *rapid.Generator[[]string] {
	return rapid.SliceOfN(rapid.StringOfN(rapid.RuneFrom([]rune("ab\nc")), 2, 6, -1), 1, 4)
}

// sprinkled generates a text with some of the texts in it, whole and not.
func sprinkled(t *rapid.T, texts []string) string {
	var out strings.Builder
	for range rapid.IntRange(0, 12).Draw(t, "parts") {
		part := rapid.OneOf(rapid.SampledFrom(texts), rapid.StringOfN(rapid.RuneFrom([]rune("ab\ncx")), 0, 3, -1)).Draw(t, "part")
		out.WriteString(part[rapid.IntRange(0, min(1, len(part))).Draw(t, "from"):])
	}
	return out.String()
}

// Nothing of a secret gets through, wherever its text is cut.
func TestHiding(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		texts := texts().Draw(t, "texts")
		in := sprinkled(t, texts)
		got := shell.Hide(texts, cut(t, in)...)
		if want := slowHide(texts, in); got != want {
			t.Fatalf("%q in %q: got %q, want %q", texts, in, got, want)
		}
		for _, text := range texts {
			if strings.Contains(got, text) {
				t.Fatalf("%q is in %q", text, got)
			}
		}
	})
}

// Where no occurrences overlap, it is what strings.Replacer does, the longest
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
		if got, want := shell.Hide(texts, cut(t, in)...), strings.NewReplacer(pairs...).Replace(in); got != want {
			t.Fatalf("%q in %q: got %q, want %q", texts, in, got, want)
		}
	})
}

// Nothing is held back for longer than it has to.
func TestHidingHoldsLittleBack(t *testing.T) {
	out, err := shell.NewOutput(discard{}, ticking(0), []string{"abcdefgh", "cdxxxxxxxxxx"})
	if err != nil {
		t.Fatal(err)
	}
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

// What a secret may look like on its way through the tools that people use.
func TestForms(t *testing.T) {
	inJSON := func(escapeHTML bool, s string) string {
		var out bytes.Buffer
		encoder := json.NewEncoder(&out)
		encoder.SetEscapeHTML(escapeHTML)
		if err := encoder.Encode(map[string]string{"value": "is " + s + "!"}); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	const password = `p&ss "w/rd"+é`
	for name, test := range map[string]struct{ secret, text, want string }{
		"itself":         {password, "is " + password + "!", "is ***!"},
		"JSON":           {password, inJSON(false, password), `{"value":"is ***!"}` + "\n"},
		"JSON for HTML":  {password, inJSON(true, password), `{"value":"is ***!"}` + "\n"},
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
		"lines with CR":  {key, strings.ReplaceAll(strings.ReplaceAll(key, "\r", ""), "\n", "\r\n"), "***\r\n***\r\n  ***  \r\nAQ==\r\n***\r\n"},
		"indented lines": {key, "    AQEFAASCBKcwggSjAgEAAoIB\n", "    ***\n"},
		"lines in JSON":  {key, inJSON(false, key), `{"value":"is ***\n!"}` + "\n"},
		"a file's end":   {"t0ken\n", "is t0ken!", "is ***!"},
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			out, err := shell.NewOutput(&log, ticking(0), []string{test.secret})
			if err != nil {
				t.Fatal(err)
			}
			out.Write([]byte(test.text))
			out.End()
			if got := assemble(parseLog(t, log.String())).stdout; got != test.want {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
}

// In base64, a secret is hidden wherever in the encoded text it was, in one line or in
// several. No more than the characters at its ends are left, which hold some bits of it.
func TestBase64(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		secret := slices.Concat([]byte("x"), bytesOf(6, 200).Draw(t, "secret"), []byte("x"))
		before := bytesOf(0, 100).Draw(t, "before")
		after := rapid.SliceOfN(rapid.Byte(), 0, 5).Draw(t, "after")
		encoding := rapid.SampledFrom([]*base64.Encoding{base64.StdEncoding, base64.URLEncoding, base64.RawStdEncoding, base64.RawURLEncoding}).Draw(t, "encoding")
		text := encoding.EncodeToString(slices.Concat(before, secret, after))
		width := rapid.SampledFrom([]int{len(text), 64, 76}).Draw(t, "width")
		lines := strings.Join(slices.Collect(chunks(text, width)), "\n")
		got := strings.ReplaceAll(shell.Hide(shell.Texts(string(secret)), lines), "\n", "")
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

// bytesOf generates so many bytes, many as often as few.
func bytesOf(least, most int) *rapid.Generator[[]byte] {
	return rapid.Custom(func(t *rapid.T) []byte {
		n := rapid.IntRange(least, most).Draw(t, "length")
		return rapid.SliceOfN(rapid.Byte(), n, n).Draw(t, "bytes")
	})
}

// chunks cuts a text into pieces of so many bytes.
func chunks(text string, n int) iter.Seq[string] {
	return func(yield func(string) bool) {
		for part := range slices.Chunk([]byte(text), n) {
			if !yield(string(part)) {
				return
			}
		}
	}
}

// Whoever writes a secret into a URL as Go does, it is hidden.
func TestURLs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		secret := "x" + rapid.StringOfN(rapid.RuneFrom([]rune(` !"#$%&'()*+,-./09:;<=>?@AZ[\]^_az{|}~é`)), 6, 20, -1).Draw(t, "secret") + "x"
		for _, text := range []string{
			url.QueryEscape(secret), url.PathEscape(secret), (&url.URL{Path: "/" + secret}).String()[1:], url.UserPassword("", secret).String()[1:],
		} {
			if got := shell.Hide(shell.Texts(secret), text); got != "***" {
				t.Fatalf("%q has become %q", text, got)
			}
		}
	})
}

// No secret is in anything that a run writes, wherever a command puts it.
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
	if r.err != nil {
		t.Fatal(r.err)
	}
	written := string(r.stream)
	err := filepath.WalkDir(r.logs, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			data, readErr := os.ReadFile(path)
			written, err = written+string(data), readErr
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"hunter", "l1nes", "ter2!", "s $HOME", "of it"} {
		if strings.Contains(written, part) {
			t.Errorf("%q is in\n%s", part, written)
		}
	}
	if n := strings.Count(written, "***"); n != 3*4 {
		t.Errorf("%d masks in\n%s", n, written)
	}
}
