// Package web shows runs in a browser: a list, each run over time, and the logs of its commands. Pages
// are made by the server from the rows of a store; a script adds keys, zoom, search and live updates.
//
//   - [New] makes a server for a store, which is an [net/http.Handler]. Report rows that were
//     written with [Server.Written].
//   - [Serve] serves it to everybody who has [Access].
//   - [NewFile] writes the page of one run as a single file.
//
// Nothing in a stream or a log is trusted. Templates escape all text, characters that cannot be seen
// are written as escapes, and the policy of a page allows nothing but its own style and script.
package web
