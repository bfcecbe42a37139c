package sqlite

import (
	"strings"

	"github.com/quire-ci/quire-project/adapters/internal/sqlstore"
	"github.com/quire-ci/quire-project/projections"
)

// Schema returns the statements that make the tables and indexes of projections, for the
// shell that benchmarks compare with.
func Schema(set *projections.Set) string {
	var schema strings.Builder
	for _, of := range set.Stored() {
		for _, statement := range tableStatements(&sqlstore.Dialect{}, of) {
			if !strings.HasPrefix(statement, "CREATE TRIGGER") {
				schema.WriteString(statement + ";\n")
			}
		}
	}
	return schema.String()
}
