package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/hashicorp/go-multierror"

	"github.com/portreeve/portreeve/internal/diag"
	"github.com/portreeve/portreeve/internal/input"
	"github.com/portreeve/portreeve/translate"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/source"
)

// compile reads files and directories and compiles them for a gateway, which may be nil. Unlike
// the server it takes a named file whatever its name is. What is there and cannot be read is a
// finding, as it is to the server; a name that is not there is an error.
func compile(paths []string, flags compileFlags, gateway *model.Gateway) (*translate.Program, error) {
	settings, err := flags.settings()
	if err != nil {
		return nil, err
	}
	settings.Gateway = gateway
	var in inputs
	if settings.MeshFile != "" {
		if err := in.file(settings.MeshFile); err != nil {
			return nil, fmt.Errorf("read mesh configuration: %w", err)
		}
	}
	for _, dir := range settings.SecretsDirs {
		if err := in.directory(dir, source.ReadSecrets); err != nil {
			return nil, err
		}
	}
	named := len(in.files)
	for _, path := range paths {
		if err := in.path(path); err != nil {
			return nil, err
		}
	}
	policy := slices.DeleteFunc(in.files[named:], func(f source.File) bool { return f.Path == settings.MeshFile })
	settings.Unread = in.unread.Sorted()
	return translate.Compile(slices.Concat(in.files[:named], policy), settings).At(time.Now(), nil), nil
}

// inputs are what is read, and what could not be.
type inputs struct {
	files  []source.File
	unread diag.List
}

func (in *inputs) path(path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return err
	case err != nil:
		in.unread = append(in.unread, input.Unreadable(path, err))
		return nil
	case info.IsDir():
		return in.directory(path, source.Read)
	default:
		return in.file(path)
	}
}

func (in *inputs) file(path string) error {
	content, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return err
	case err != nil:
		in.unread = append(in.unread, input.Unreadable(path, err))
	default:
		in.files = append(in.files, source.File{Path: path, Content: content})
	}
	return nil
}

// directory reads what counts in a directory; the paths begin with its own.
func (in *inputs) directory(dir string, read func(fs.FS) ([]source.File, error)) error {
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read %s: %w", dir, err)
	}
	files, err := read(os.DirFS(dir))
	for _, f := range files {
		f.Path = filepath.Join(dir, f.Path)
		in.files = append(in.files, f)
	}
	if err == nil {
		return nil
	}
	causes := []error{err}
	if several, ok := errors.AsType[*multierror.Error](err); ok {
		causes = several.Errors
	}
	for _, cause := range causes {
		path := dir
		if at, ok := errors.AsType[*fs.PathError](cause); ok {
			path = filepath.Join(dir, at.Path)
		}
		in.unread = append(in.unread, input.Unreadable(path, cause))
	}
	return nil
}
