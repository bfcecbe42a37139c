package cli

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/storetest/services"
)

// storeScripts are scripts for every store. $STORE is the address of a store that does not exist yet.
const storeScripts = "testdata/store"

func TestSQLiteScripts(t *testing.T) {
	if testing.Short() {
		t.Skip("the scripts run with PostgreSQL")
	}
	runStoreScripts(t, "sqlite", func() string { return "sqlite:quire.db" })
}

func TestPostgreSQLScripts(t *testing.T) {
	scripts, err := filepath.Glob(storeScripts + "/*.txt")
	require.NoError(t, err)
	databases := make(chan string, len(scripts))
	for range scripts {
		databases <- services.PostgreSQL(t)
	}
	runStoreScripts(t, "postgres", func() string { return <-databases })
}

// runStoreScripts runs the scripts, each with its own store. Lines for one kind of store have a
// condition.
func runStoreScripts(t *testing.T, kind string, newStore func() string) {
	params := scriptParams(storeScripts)
	params.Condition = condition(kind)
	setup := params.Setup
	params.Setup = func(env *testscript.Env) error {
		env.Setenv("STORE", newStore())
		env.Setenv("LONG", strings.Repeat("x", 600))
		return setup(env)
	}
	testscript.Run(t, params)
}

// query runs an SQL statement in the database that $STORE names, and prints
// its rows: sql 'SELECT run_id FROM runs'
func query(ts *testscript.TestScript, _ bool, args []string) {
	db, err := openDatabase(ts)
	ts.Check(err)
	defer db.Close()
	rows, err := db.Query(args[0])
	ts.Check(err)
	defer rows.Close()
	columns, err := rows.Columns()
	ts.Check(err)
	for rows.Next() {
		values := make([]sql.NullString, len(columns))
		into := make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		ts.Check(rows.Scan(into...))
		fmt.Fprintln(ts.Stdout(), line(values))
	}
	ts.Check(rows.Err())
}

func line(values []sql.NullString) string {
	var words []string
	for _, value := range values {
		if !value.Valid {
			value.String = "NULL"
		}
		words = append(words, value.String)
	}
	return strings.Join(words, " ")
}

// openDatabase opens the database of a store.
func openDatabase(ts *testscript.TestScript) (*sql.DB, error) {
	address := ts.Getenv("STORE")
	if file, ok := strings.CutPrefix(address, "sqlite:"); ok {
		return sql.Open("sqlite", ts.MkAbs(file))
	}
	return sql.Open("pgx", address)
}
