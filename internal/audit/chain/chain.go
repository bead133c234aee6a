// Package chain is the record on disk: lines that are chained by their hashes, files that are rotated, heads that
// are signed, and what verifies and reads all that.
package chain
