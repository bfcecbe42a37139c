package faults

import (
	"context"
	"net/url"
	"testing"

	"github.com/jackc/pgx/v5"
)

// connect opens a connection of somebody else to a database, for as long as
// the test takes.
func connect(t testing.TB, address string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// execute runs statements in a database.
func execute(t testing.TB, address string, statements ...string) {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), address) // tests clean up with it
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	for _, statement := range statements {
		if _, err := conn.Exec(context.Background(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

// ask returns the one value that a query has.
func ask(t testing.TB, address, query string) (value string) {
	t.Helper()
	if err := connect(t, address).QueryRow(t.Context(), query).Scan(&value); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return value
}

// with returns an address with one more parameter.
func with(t testing.TB, address, key, value string) string {
	t.Helper()
	u, query := parsed(t, address)
	query.Set(key, value)
	u.RawQuery = query.Encode()
	return u.String()
}

// nameOf returns the name of the database at an address.
func nameOf(t testing.TB, address string) string {
	t.Helper()
	u, _ := parsed(t, address)
	return u.Path[1:]
}

func parsed(t testing.TB, address string) (*url.URL, url.Values) {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u, u.Query()
}
