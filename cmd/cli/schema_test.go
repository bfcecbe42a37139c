package cli

import (
	"bytes"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The files in docs/schema have the output of the program; go test -update writes those that
// depend on the projections.
func TestSchemas(t *testing.T) {
	for _, name := range schemaNames {
		var out, errs bytes.Buffer
		if status := Run(t.Context(), []string{"schema", name}, &out, &errs); status != 0 || errs.Len() > 0 {
			t.Fatalf("%s ends with %d: %s", name, status, errs.String())
		}
		path := "../../docs/schema/" + name + ".json"
		if *update && name != "event" {
			require.NoError(t, os.WriteFile(path, out.Bytes(), 0o666))
		}
		got, err := os.ReadFile(path)
		assert.NoError(t, err, "%s is not what the program", path)
		assert.Equal(t, out.Bytes(), got, "%s is not what the program", path)
	}
}
