package sqlite_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
)

// anybody has the functions for which the tests start their program again, as another
// process or another user, with a path.
var anybody = map[string]func(ctx context.Context, path string) error{}

const actAs = "SQLITE_TEST_ACT="

func TestMain(m *testing.M) {
	act := anybody[os.Getenv(strings.TrimSuffix(actAs, "="))]
	if act == nil {
		os.Exit(m.Run())
	}
	if err := act(context.Background(), os.Getenv("SQLITE_TEST_PATH")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
