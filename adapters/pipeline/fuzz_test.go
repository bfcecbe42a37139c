package pipeline_test

import "testing"

// FuzzParse checks that Parse accepts any file, and that each problem has a valid
// position.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"",
		"jobs: [{id: a, sh: b}]\n",
		"secrets: [A]\nenv: {B: c}\njobs:\n- id: a\n  needs: b\n  sh: |\n    c\n  - d\n",
		"jobs:\r\n- &a {id: a, sh: [&b b, *b]}\r\n- *a\r\n",
		"%YAML 1.2\n--- !!map\n? jobs\n: - id: \"\\x41\"\n    sh: >-\n      b\n...\n---\n",
		"\ufeffjobs: \u2028 'a\u0085b'\n\t",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) { checkProblems(t, data) })
}
