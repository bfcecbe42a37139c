package storetest

import (
	"flag"
	"strconv"
	"testing"
)

// enough is how many tries of a law find the mistakes that it is known to find. More tries take
// longer and find little, since each test run draws other values.
const enough = 15

// Tries sets how often a property is tried until the test ends, unless the flag -rapid.checks or an
// earlier call has set it. With -short, which is for finding races, it is a fifth of that. Other
// tests must not draw values meanwhile.
func Tries(t *testing.T, n int) {
	t.Helper()
	checks := flag.Lookup("rapid.checks")
	if checks.Value.String() != checks.DefValue {
		return
	}
	if testing.Short() {
		n = max(5, n) // rapid reduces it to a fifth
	}
	if err := checks.Value.Set(strconv.Itoa(n)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = checks.Value.Set(checks.DefValue) })
}
