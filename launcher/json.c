/* Reading JSON (RFC 8259), for the interpreter's image: the scanner of the standard module is a shared object, and loading
 * it takes longer than all the reading. What that takes is taken here, and what it refuses is refused.
 */

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <string.h>

struct reader {
    const char *start, *at, *end; /* UTF-8, and a NUL behind it */
};

static PyObject *read_value(struct reader *reader);

/* Raise ValueError(text, place): json_text.py makes line and column of the place, which is in bytes. */
static PyObject *refuse(struct reader *reader, const char *text, const char *place)
{
    PyObject *arguments = Py_BuildValue("(sn)", text, (Py_ssize_t)(place - reader->start));
    if (arguments) {
        PyErr_SetObject(PyExc_ValueError, arguments);
        Py_DECREF(arguments);
    }
    return NULL;
}

static void skip_space(struct reader *reader)
{
    while (*reader->at == ' ' || *reader->at == '\n' || *reader->at == '\t' || *reader->at == '\r')
        reader->at++;
}

static int hexadecimal(const char *at)
{
    int value = 0;
    for (int i = 0; i < 4; i++) {
        char letter = at[i];
        if (letter >= '0' && letter <= '9')
            value = value * 16 + letter - '0';
        else if ((letter | 32) >= 'a' && (letter | 32) <= 'f')
            value = value * 16 + (letter | 32) - 'a' + 10;
        else
            return -1;
    }
    return value;
}

/* Append a code point in UTF-8; a surrogate, too, as "surrogatepass" reads it. */
static char *append(char *to, unsigned point)
{
    if (point < 0x80) {
        *to++ = (char)point;
        return to;
    }
    int more = point < 0x800 ? 1 : point < 0x10000 ? 2 : 3;
    *to++ = (char)((0xF0U << (3 - more) & 0xFF) | point >> 6 * more);
    while (more--)
        *to++ = (char)(0x80 | (point >> 6 * more & 0x3F));
    return to;
}

/* The character behind a backslash; NULL with an exception set. */
static char *unescape(struct reader *reader, char *to)
{
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    const char *escape = reader->at++;
    const char *known = *reader->at ? strchr(names, *reader->at) : NULL;
    if (known) {
        reader->at++;
        *to++ = values[known - names];
        return to;
    }
    if (*reader->at != 'u') {
        refuse(reader, "Invalid \\escape", escape);
        return NULL;
    }
    int point = reader->end - reader->at > 4 ? hexadecimal(reader->at + 1) : -1;
    if (point < 0) {
        refuse(reader, "Invalid \\uXXXX escape", reader->at);
        return NULL;
    }
    reader->at += 5;
    if (point >> 10 == 0xD800 >> 10 && reader->end - reader->at > 5 && reader->at[0] == '\\' && reader->at[1] == 'u') {
        int low = hexadecimal(reader->at + 2);
        if (low >> 10 == 0xDC00 >> 10) {
            reader->at += 6;
            return append(to, 0x10000U + ((unsigned)(point & 0x3FF) << 10) + (unsigned)(low & 0x3FF));
        }
    }
    return append(to, (unsigned)point);
}

/* A string whose begin, behind the quote, is known, and that has escapes from reader->at on. */
static PyObject *read_escaped(struct reader *reader, const char *begin)
{
    char *text = PyMem_Malloc((size_t)(reader->end - begin)), *to = text; /* an escape is longer than what it stands for */
    PyObject *result = NULL;
    if (!text)
        return PyErr_NoMemory();
    memcpy(text, begin, (size_t)(reader->at - begin));
    to += reader->at - begin;
    while (to && *reader->at != '"') {
        if (*reader->at == '\\') {
            to = unescape(reader, to);
        } else if ((unsigned char)*reader->at < ' ') {
            refuse(reader, reader->at < reader->end ? "Invalid control character at" : "Unterminated string starting at",
                   reader->at < reader->end ? reader->at : begin - 1);
            to = NULL;
        } else {
            *to++ = *reader->at++;
        }
    }
    if (to) {
        reader->at++;
        result = PyUnicode_DecodeUTF8(text, to - text, "surrogatepass");
    }
    PyMem_Free(text);
    return result;
}

static PyObject *read_string(struct reader *reader)
{
    const char *begin = ++reader->at;
    while ((unsigned char)*reader->at >= ' ' && *reader->at != '"' && *reader->at != '\\')
        reader->at++;
    if (*reader->at != '"')
        return read_escaped(reader, begin);
    return PyUnicode_DecodeUTF8(begin, reader->at++ - begin, NULL);
}

static void skip_digits(struct reader *reader)
{
    while (*reader->at >= '0' && *reader->at <= '9')
        reader->at++;
}

static PyObject *read_number(struct reader *reader)
{
    const char *begin = reader->at;
    int is_integer = 1;
    reader->at += *begin == '-';
    if (*reader->at == '0')
        reader->at++;
    else if (*reader->at >= '1' && *reader->at <= '9')
        skip_digits(reader);
    else
        return refuse(reader, "expected a value", begin);
    if (reader->at[0] == '.' && reader->at[1] >= '0' && reader->at[1] <= '9') {
        is_integer = 0;
        reader->at++;
        skip_digits(reader);
    }
    if ((*reader->at | 32) == 'e') {
        const char *digits = reader->at + 1 + (reader->at[1] == '+' || reader->at[1] == '-');
        if (*digits >= '0' && *digits <= '9') {
            is_integer = 0;
            reader->at = digits;
            skip_digits(reader);
        }
    }
    PyObject *text = PyUnicode_DecodeASCII(begin, reader->at - begin, NULL);
    PyObject *number = text ? is_integer ? PyLong_FromUnicodeObject(text, 10) : PyFloat_FromString(text) : NULL;
    Py_XDECREF(text);
    return number;
}

/* A comma (1), or the end (0) that is `last`; -1 with an exception set. */
static int goes_on(struct reader *reader, char last)
{
    skip_space(reader);
    char found = *reader->at;
    if (found != ',' && found != last) {
        refuse(reader, "Expecting ',' delimiter", reader->at);
        return -1;
    }
    reader->at++;
    return found == ',';
}

static PyObject *read_array(struct reader *reader)
{
    PyObject *array = PyList_New(0);
    reader->at++;
    skip_space(reader);
    int more = *reader->at != ']';
    reader->at += !more;
    while (array && more) {
        skip_space(reader);
        PyObject *value = read_value(reader);
        if (!value || PyList_Append(array, value) < 0 || (more = goes_on(reader, ']')) < 0)
            Py_CLEAR(array);
        Py_XDECREF(value);
    }
    return array;
}

static PyObject *read_name(struct reader *reader)
{
    skip_space(reader);
    if (*reader->at != '"')
        return refuse(reader, "Expecting property name enclosed in double quotes", reader->at);
    PyObject *name = read_string(reader);
    if (!name)
        return NULL;
    skip_space(reader);
    if (*reader->at != ':') {
        Py_DECREF(name);
        return refuse(reader, "Expecting ':' delimiter", reader->at);
    }
    reader->at++;
    skip_space(reader);
    return name;
}

static PyObject *read_object(struct reader *reader)
{
    PyObject *object = PyDict_New();
    reader->at++;
    skip_space(reader);
    int more = *reader->at != '}';
    reader->at += !more;
    while (object && more) {
        PyObject *name = read_name(reader), *value = name ? read_value(reader) : NULL;
        if (!value || PyDict_SetItem(object, name, value) < 0 || (more = goes_on(reader, '}')) < 0)
            Py_CLEAR(object);
        Py_XDECREF(name);
        Py_XDECREF(value);
    }
    return object;
}

static int skip_word(struct reader *reader, const char *word)
{
    size_t length = strlen(word);
    if (strncmp(reader->at, word, length) != 0)
        return 0;
    reader->at += length;
    return 1;
}

static PyObject *read_word(struct reader *reader)
{
    if (skip_word(reader, "null"))
        Py_RETURN_NONE;
    if (skip_word(reader, "true"))
        Py_RETURN_TRUE;
    if (skip_word(reader, "false"))
        Py_RETURN_FALSE;
    if (skip_word(reader, "NaN"))
        return PyFloat_FromDouble(Py_NAN);
    if (skip_word(reader, "Infinity"))
        return PyFloat_FromDouble(Py_HUGE_VAL);
    if (skip_word(reader, "-Infinity"))
        return PyFloat_FromDouble(-Py_HUGE_VAL);
    return read_number(reader);
}

static PyObject *read_value(struct reader *reader)
{
    if (*reader->at == '"')
        return read_string(reader);
    if (*reader->at != '{' && *reader->at != '[')
        return read_word(reader);
    if (Py_EnterRecursiveCall(" while reading JSON"))
        return NULL;
    PyObject *value = *reader->at == '{' ? read_object(reader) : read_array(reader);
    Py_LeaveRecursiveCall();
    return value;
}

/* The value that a str is in JSON. */
PyObject *read_json(PyObject *module, PyObject *text)
{
    struct reader reader;
    Py_ssize_t length;
    (void)module;
    if (!(reader.start = PyUnicode_AsUTF8AndSize(text, &length)))
        return NULL;
    reader.at = reader.start;
    reader.end = reader.start + length;
    skip_space(&reader);
    PyObject *value = read_value(&reader);
    skip_space(&reader);
    if (value && reader.at != reader.end) {
        Py_CLEAR(value);
        refuse(&reader, "unexpected text after the value", reader.at);
    }
    return value;
}
