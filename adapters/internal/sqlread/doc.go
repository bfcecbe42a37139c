// Package sqlread reads the tables of a store through database/sql. The stores
// differ in how they are opened and written; their tables are the same, and so
// is all that is read from them.
//
// Queries are written with the placeholders ?1, ?2 and so on. What else a
// database wants otherwise is in its [Dialect].
package sqlread
