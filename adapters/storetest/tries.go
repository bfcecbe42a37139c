package storetest

import (
	"flag"
	"strconv"
	"testing"
)

// enough is how many tries of a law find the mistakes that the law is known to find. More
// of them take long and find little: other values are drawn each time.
const enough = 30

// Tries sets how often a property is tried until the test ends, unless the flag
// -rapid.checks or an earlier call says so. With -short, which is to find races, it is a tenth
// of that. Other tests must not draw meanwhile.
func Tries(t *testing.T, n int) {
	t.Helper()
	checks := flag.Lookup("rapid.checks")
	if checks.Value.String() != checks.DefValue {
		return
	}
	if testing.Short() {
		n = max(5, n/2) // rapid makes a fifth of them
	}
	if err := checks.Value.Set(strconv.Itoa(n)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = checks.Value.Set(checks.DefValue) })
}
