"""The audit log becomes a chain: what is there already is marked and sealed, then the database guards it."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

from modelyard.accounts.audit import guarding
from modelyard.accounts.audit.marking import draw_mark, link

BATCH = 500


def chain(apps, schema_editor):
    """Events in the order of their numbers, which is the order in which they were written."""
    event_model = apps.get_model('accounts', 'AuditEvent')
    seal_model = apps.get_model('accounts', 'AuditSeal')
    seq, former, after = 0, '', 0
    while batch := list(event_model.objects.filter(pk__gt=after).order_by('pk')[:BATCH]):
        seals = []
        for event in batch:
            event.mark = draw_mark(event)
            seq, former = seq + 1, link(former, seq + 1, event.pk, event.mark)
            seals.append(seal_model(seq=seq, event=event.pk, hash=former))
        event_model.objects.bulk_update(batch, ['mark'])
        seal_model.objects.bulk_create(seals)
        after = batch[-1].pk


def guard(apps, schema_editor):
    guarding.install(schema_editor, schema_editor.connection.vendor)


def unguard(apps, schema_editor):
    guarding.remove(schema_editor, schema_editor.connection.vendor)


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='AuditCheck',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField()),
                ('events', models.BigIntegerField()),
                ('head', models.CharField(max_length=90)),
                ('fault', models.TextField()),
                ('mark', models.CharField(max_length=64)),
            ],
        ),
        migrations.CreateModel(
            name='AuditSeal',
            fields=[
                ('seq', models.BigIntegerField(primary_key=True, serialize=False)),
                ('event', models.BigIntegerField(unique=True)),
                ('hash', models.CharField(max_length=64)),
            ],
        ),
        migrations.AlterField(
            model_name='auditevent',
            name='actor',
            field=models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AlterField(
            model_name='auditevent',
            name='workspace',
            field=models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='accounts.workspace'),
        ),
        migrations.AlterField(
            model_name='auditevent',
            name='at',
            field=models.DateTimeField(db_index=True, default=django.utils.timezone.now, editable=False),
        ),
        migrations.AddField(
            model_name='auditevent',
            name='mark',
            field=models.CharField(default='', editable=False, max_length=80),
            preserve_default=False,
        ),
        migrations.RunPython(chain, migrations.RunPython.noop),
        migrations.AlterField(
            model_name='auditevent',
            name='mark',
            field=models.CharField(editable=False, max_length=80, unique=True),
        ),
        migrations.RunPython(guard, unguard),
    ]
