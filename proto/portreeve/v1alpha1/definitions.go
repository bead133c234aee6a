// Package portreevev1alpha1 has the messages of the kinds that Portreeve defines itself.
package portreevev1alpha1

import (
	"embed"
	"io/fs"
)

//go:embed *.proto
var definitions embed.FS

// Definitions holds the .proto files of this package, whose comments say what each field means.
func Definitions() fs.FS { return definitions }
