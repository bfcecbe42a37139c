package sqlite_test

import (
	"flag"
	"strconv"
	"testing"
)

// slow is set where everything takes ten times as long.
var slow bool

// tries sets how often a property is tried until the test ends, unless the
// flag -rapid.checks says so.
func tries(t *testing.T, n int) {
	t.Helper()
	set := false
	flag.Visit(func(f *flag.Flag) { set = set || f.Name == "rapid.checks" })
	checks := flag.Lookup("rapid.checks").Value
	before := checks.String()
	if set {
		return
	}
	if err := checks.Set(strconv.Itoa(n)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { checks.Set(before) })
}
