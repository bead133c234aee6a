// Package who says, as far as it can be known, who changed a file: the commit and its author of the directory's git,
// and the file's owner.
package who
