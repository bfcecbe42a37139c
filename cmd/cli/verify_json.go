package cli

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
)

// verifySchema is the first member of the document of verify. It changes when
// a reader of the document would have to.
const verifySchema = "quire-project/verify/v1"

// differenceDocument prints differences as one JSON document, as they come.
type differenceDocument struct {
	out   *bufio.Writer
	begun bool
	aside []setAside
}

// setAside is a run that could not be compared, and why.
type setAside struct {
	RunID  domain.RunID `json:"run_id"`
	Source string       `json:"source"`
	Reason string       `json:"reason"`
}

func (d *differenceDocument) found(difference store.Difference) error {
	d.separate()
	_, err := d.out.Write(compact(difference))
	return err
}

// separate writes what comes before a difference.
func (d *differenceDocument) separate() {
	if d.begun {
		d.out.WriteByte(',')
		return
	}
	d.begun = true
	fmt.Fprintf(d.out, `{"schema":"%s","differences":[`, verifySchema)
}

func (d *differenceDocument) setAside(run store.Verified) error {
	d.aside = append(d.aside, setAside{run.RunID, run.Source, run.Err.Error()})
	return nil
}

func (d *differenceDocument) pause() error { return d.out.Flush() }

func (d *differenceDocument) end(runs int, mend string) error {
	if !d.begun {
		fmt.Fprintf(d.out, `{"schema":"%s","differences":[`, verifySchema)
	}
	if d.aside == nil {
		d.aside = []setAside{}
	}
	fmt.Fprintf(d.out, "],\"set_aside\":%s,\"runs\":%d", compact(d.aside), runs)
	if mend != "" {
		fmt.Fprintf(d.out, ",\"mend\":%s", compact(mend))
	}
	d.out.WriteString("}\n")
	return d.out.Flush()
}

// compact returns a value as JSON, with nothing escaped that need not be.
func compact(value any) []byte {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		panic(err) // rows have no value that JSON does not
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n"))
}
