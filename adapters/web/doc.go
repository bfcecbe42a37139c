// Package web shows runs in a browser: a list, each run over time, and the logs of its commands.
// The server renders the pages from the rows of a store; a script adds keys, zoom, search and live
// updates.
//
//   - [New] makes a server for a store, which is an [net/http.Handler]. Report rows that
//     you write with [Server.Written].
//   - [Serve] serves it to everybody who has [Access].
//   - [NewFile] writes the page of one run as a single file.
//
// Nothing in a stream or a log is trusted. Templates escape all text, invisible characters are
// written as escapes, and the content security policy allows only the page's own style and script.
package web
