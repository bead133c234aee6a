package translate

import (
	"slices"

	"github.com/portreeve/portreeve/translate/resource"
	"github.com/portreeve/portreeve/translate/source"
)

// Lies are the caches of a program that can be made to lie: what they say is taken for what other input says.
func Lies() map[string]func(*Program, []source.File) {
	return map[string]func(*Program, []source.File){
		"a file's content is another": func(p *Program, files []source.File) {
			p.cache.files = slices.Clone(p.cache.files)
			for i, f := range p.cache.files {
				stale := *f
				for _, now := range files {
					if now.Path == f.path {
						stale.content = now.Content
					}
				}
				p.cache.files[i] = &stale
			}
		},
		"the mesh configuration is another": func(p *Program, files []source.File) {
			for _, now := range files {
				if now.Path == p.mesh.file.Path {
					p.mesh.file = now
				}
			}
		},
		"files are decoded otherwise": func(p *Program, _ []source.File) { p.cache.options.Ignored = []resource.Kind{resource.EnvoyFilter} },
	}
}

// Lying returns a copy of a program with a cache that lies about the files.
func (p *Program) Lying(how func(*Program, []source.File), files []source.File) *Program {
	out := *p
	how(&out, files)
	return &out
}
