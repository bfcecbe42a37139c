package storetest

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/quire-ci/quire-project/projections/store"
)

// show formats a value so that all its content is readable.
func show(value any) string {
	const most = 300
	text := fmt.Sprintf("%+v", value)
	switch value := value.(type) {
	case [32]byte:
		text = fmt.Sprintf("%x", value)
	case store.Checkpoint:
		text = fmt.Sprintf("%d bytes until line %d, %d in all, %d events, read by %q from %q", value.Bytes, value.Lines, value.End.Bytes, value.Events, value.ReadOptions, value.Source)
	}
	if len(text) > most {
		text = text[:most/2] + "…" + text[len(text)-most/2:]
	}
	return strconv.QuoteToASCII(text)
}

// fields describes the fields in which two structs of the same type differ.
func fields(got, want any) string {
	return strings.Join(appendFields(nil, "", reflect.ValueOf(got), reflect.ValueOf(want)), ", ")
}

func appendFields(found []string, name string, got, want reflect.Value) []string {
	_, prints := got.Interface().(fmt.Stringer)
	switch {
	case got.Equal(want):
		return found
	case got.Kind() != reflect.Struct || prints:
		return append(found, fmt.Sprintf("%s is %s, not %s", name, show(got.Interface()), show(want.Interface())))
	}
	for i := range got.NumField() {
		found = appendFields(found, strings.TrimPrefix(name+"."+got.Type().Field(i).Name, "."), got.Field(i), want.Field(i))
	}
	return found
}
