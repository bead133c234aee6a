package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/portreeve/portreeve/internal/diag"
	"github.com/portreeve/portreeve/internal/ignore"
	"github.com/portreeve/portreeve/translate"
	"github.com/portreeve/portreeve/translate/source"
)

// compile reads files and directories and compiles them. Unlike the server it takes a
// named file whatever its name is.
func compile(paths []string, flags compileFlags) (*translate.Program, error) {
	settings, err := flags.settings()
	if err != nil {
		return nil, err
	}
	excluded, err := flags.exclude()
	if err != nil {
		return nil, err
	}
	files, err := readMesh(settings.MeshFile)
	if err != nil {
		return nil, err
	}
	var unread diag.List
	for _, dir := range settings.SecretsDirs {
		found, err := readDir(dir, source.ReadSecrets)
		if err != nil {
			return nil, err
		}
		files = append(files, found...)
	}
	for _, path := range paths {
		found, findings, err := readPath(path, excluded)
		if err != nil {
			return nil, err
		}
		unread = append(unread, findings...)
		for _, f := range found {
			switch {
			case f.Path == settings.MeshFile:
			case f.Path != path && flags.leaves(f):
				fmt.Fprintf(flags.notes, "note: %s is left out: it is no manifest, no document in it has apiVersion and kind\n", f.Path)
			default:
				files = append(files, f)
			}
		}
	}
	program := translate.Compile(files, settings).At(time.Now(), nil)
	if len(unread) > 0 {
		program.Diags = unread // what was not to be read has findings that mean nothing
	}
	return program, nil
}

// leaves reports whether a file of a directory is left out as no manifest at all. Only a check does
// so: where policy is served, what is there and not understood refuses.
func (f *compileFlags) leaves(file source.File) bool {
	return f.notes != nil && !source.MayBeManifest(file)
}

// readMesh reads the mesh configuration, where there is one.
func readMesh(path string) ([]source.File, error) {
	if path == "" {
		return nil, nil
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read mesh configuration: %w", err)
	}
	return []source.File{{Path: path, Content: content}}, nil
}

// readPath reads a file, whatever its name is, or what counts in a directory, with the findings
// about what is left out there.
func readPath(path string, excluded *ignore.Rules) ([]source.File, diag.List, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, nil, err
	}
	if !info.IsDir() {
		content, err := os.ReadFile(path)
		if err != nil {
			return nil, nil, err
		}
		return []source.File{{Path: path, Content: content}}, nil, nil
	}
	written, findings, err := readIgnored(path)
	if err != nil {
		return nil, nil, err
	}
	rules := written.Then(excluded)
	found, err := readDir(path, func(tree fs.FS) ([]source.File, error) {
		return source.ReadWith(tree, source.Options{Ignored: func(name string, mode fs.FileMode) bool {
			kind := ignore.Other
			if mode.IsDir() {
				kind = ignore.Directory
			}
			_, taken := rules.Takes(name, kind)
			return taken
		}})
	})
	return found, findings, err
}

// readIgnored reads what a directory says is left out, where it does. With a finding nothing is.
func readIgnored(dir string) (*ignore.Rules, diag.List, error) {
	path := filepath.Join(dir, ignore.File)
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil, nil
	case err != nil:
		return nil, nil, err
	case !info.Mode().IsRegular() || info.Size() > ignore.MaxBytes:
		return nil, diag.List{diag.New(diag.CodeIgnoreFile, diag.Position{File: path}, "it is no file of at most %d bytes", ignore.MaxBytes)}, nil
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, err
	}
	rules, findings := ignore.Parse(path, content)
	if len(findings) > 0 {
		return nil, findings, nil
	}
	return rules, nil, nil
}

// readDir reads what counts in a directory; the paths begin with its own.
func readDir(path string, read func(fs.FS) ([]source.File, error)) ([]source.File, error) {
	files, err := read(os.DirFS(path))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	for i := range files {
		files[i].Path = filepath.Join(path, files[i].Path)
	}
	return files, nil
}
