package storetest

import (
	"flag"
	"strconv"
	"testing"
)

// Enough is how many tries of a law find the mistakes that the law is known to find. More
// of them in a database take long and find little: other values are drawn each time.
const Enough = 30

// Tries sets how often a property is tried until the test ends, unless the flag
// -rapid.checks says so; with -short it is a fifth of that. Other tests must not draw
// meanwhile.
func Tries(t *testing.T, n int) {
	t.Helper()
	set := false
	flag.Visit(func(f *flag.Flag) { set = set || f.Name == "rapid.checks" })
	if set {
		return
	}
	checks := flag.Lookup("rapid.checks").Value
	before := checks.String()
	if err := checks.Set(strconv.Itoa(n)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = checks.Set(before) })
}
