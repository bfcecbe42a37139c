// Package sqlread reads the tables of a store through database/sql. Both databases have
// the same tables, and are read in the same way.
//
// Queries have the placeholders ?1, ?2 and so on. A [Dialect] has everything in which a
// database differs.
package sqlread
