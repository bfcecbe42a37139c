package sqlite

import (
	"database/sql"
	"fmt"
	"maps"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
)

// escapePath hides from the URI what means something else in it.
var escapePath = strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23")

// dsn names a database to the driver. The path is absolute: connections are
// opened later, when the working directory may be another one.
func dsn(path string, parameters url.Values) string {
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path // C:/…
	}
	return "file://" + escapePath.Replace(path) + "?" + parameters.Encode()
}

// Settings of the connections that read, and of the one that writes.
var (
	reading = url.Values{"_query_only": {"1"}}
	writing = url.Values{
		"_txlock": {"immediate"}, // of migrations
		"_pragma": {
			// Of a new file. Commands are long; with pages of 4 KiB a tenth more
			// time goes into splitting them.
			"page_size(16384)",
			// The database stays whole when the power fails, and can lose what
			// was committed last. That is derived again.
			"synchronous(normal)",
			// After a large transaction the write-ahead log is cut to this size.
			"journal_size_limit(67108864)",
		},
	}
)

// handle makes a handle whose connections have settings. It opens none yet.
func handle(path string, mode url.Values, o *options, settings url.Values) (*sql.DB, error) {
	parameters := url.Values{
		"_busy_timeout": {fmt.Sprint(o.busyTimeout.Milliseconds())},
		"_error_rc":     {"1"}, // else an error may come with another one's message
	}
	maps.Copy(parameters, mode)
	maps.Copy(parameters, settings)
	if pragmas := slices.Clone(parameters["_pragma"]); pragmas != nil {
		// What a transaction changes is kept in so many KiB, before any of it has to be
		// written.
		pragmas = append(pragmas, fmt.Sprintf("cache_size(-%d)", o.cache>>10))
		if o.durable {
			pragmas = append(pragmas, "synchronous(full)")
		}
		parameters["_pragma"] = pragmas
	}
	return sql.Open("sqlite", dsn(path, parameters))
}
